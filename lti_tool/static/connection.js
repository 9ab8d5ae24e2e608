// Opens Canvas's question in a small window, and shows the course's page anew when that has ended.
"use strict";
(() => {
  const ENDED = "lti-groups: consent ended";
  const LOOK_AGAIN = 500; // milliseconds

  // In the course: without this the form opens a whole new tab.
  const ask = (form) => {
    let opened = null;
    let ended = false;
    const showAnew = () => {
      if (ended) return;
      ended = true;
      window.location.reload();
    };
    form.addEventListener("submit", (event) => {
      if (opened) {
        // The page's ticket is used: the window is there still, or a new page is on its way.
        event.preventDefault();
        opened.focus();
        return;
      }
      const shape = "popup,width=620,height=760";
      opened = window.open("about:blank", "lti-groups-consent", shape);
      if (!opened) return; // blocked: the tab that the form asks for may do
      form.target = "lti-groups-consent";
      const looking = setInterval(() => {
        if (!opened.closed && !ended) return;
        clearInterval(looking);
        showAnew();
      }, LOOK_AGAIN);
    });
    window.addEventListener("message", (event) => {
      if (event.origin === window.location.origin && event.data === ENDED && opened) showAnew();
    });
  };

  const goOn = (link) => window.location.replace(link.href);

  // In the small window: the answer's address holds what was good for one use; it stays in no history.
  const end = (place) => {
    history.replaceState(null, "", window.location.pathname);
    if (!window.opener) return;
    window.opener.postMessage(ENDED, window.location.origin);
    if (place.dataset.outcome === "lent") window.close();
  };

  const pages = { "lend-access": ask, "consent-next": goOn, "consent-end": end };
  for (const [id, run] of Object.entries(pages)) {
    const element = document.getElementById(id);
    if (element) run(element);
  }
})();
