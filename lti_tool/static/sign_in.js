/* Tells a tab when the browser has become somebody else's, and keeps what was typed when a sign-in had ended. */
(() => {
  "use strict";

  const PERSON = "lti-person"; // whose pages this tab shows
  const PENDING = "lti-pending"; // what this tab sent last
  const KEPT = "lti-kept:"; // and the person, and the page's path: what was sent when nobody was signed in any more
  const DAY = 24 * 60 * 60 * 1000;
  const { person, other } = document.body.dataset;
  const find = (id) => document.getElementById(id);

  // A browser may keep all storage from us: then the server shows what it did not take, to be copied.
  const using = (kind, act) => {
    try {
      return act(window[kind]);
    } catch {
      return null;
    }
  };

  // Whoever launches arrives from another site; who goes on in a tab comes from a page of ours, or reloads it.
  const arrived = () => {
    const [way] = performance.getEntriesByType("navigation");
    const from = document.referrer && new URL(document.referrer).origin;
    return from !== location.origin && way?.type === "navigate";
  };

  // A cookie of no value to anybody: which person's page this browser loaded last. Partitioned, it works where a frame
  // may use no other storage.
  const COOKIE = "__Host-lti-person";
  const setCookie = (value, rest) => (document.cookie = `${COOKIE}=${value}; Path=/; Secure; SameSite=None; Partitioned${rest}`);
  const last = () => document.cookie.match(`${COOKIE}=([0-9a-f]+)`)?.[1];
  const taken = () => Boolean(person && last() && last() !== person);

  function meet() {
    const known = using("sessionStorage", (store) => store.getItem(PERSON));
    if (known && known !== person && !arrived()) {
      location.replace(other);
      return false;
    }
    using("sessionStorage", (store) => store.setItem(PERSON, person));
    setCookie(person, "");
    return true;
  }

  function warn() {
    if (person) find("other-person").hidden = !taken();
  }

  for (const event of ["focus", "pageshow"]) window.addEventListener(event, warn);
  document.addEventListener("visibilitychange", warn);

  // Where a page of the next person would come, the word comes that it is theirs; a form is answered by the server.
  function stop(event) {
    const link = event.type === "click" ? event.target.closest("a[href]:not([target])") : event.target.method === "get";
    if (!link || !taken()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    location.assign(other);
  }

  document.addEventListener("click", stop, true);
  document.addEventListener("submit", stop, true);
  document.addEventListener("htmx:before:request", (event) => {
    if (!taken() || (event.detail.ctx.request?.method ?? "GET").toUpperCase() !== "GET") return;
    event.preventDefault();
    warn();
  });

  function typed(form) {
    const fields = {};
    for (const field of form.elements) {
      if (!field.name || !field.matches("input, textarea, select")) continue;
      if (["hidden", "password", "file", "submit", "button", "image"].includes(field.type)) continue;
      const values = (fields[field.name] ??= []);
      if (["checkbox", "radio"].includes(field.type)) {
        if (field.checked) values.push(field.value);
      } else if (field.multiple) values.push(...[...field.selectedOptions].map((option) => option.value));
      else values.push(field.value);
    }
    return fields;
  }

  document.addEventListener(
    "submit",
    ({ target: form }) => {
      if (!person || form.method !== "post" || form.target) return;
      const fields = typed(form);
      const sent = { person, path: location.pathname, query: location.search, action: form.getAttribute("action"), fields };
      using("sessionStorage", (store) =>
        Object.keys(fields).length ? store.setItem(PENDING, JSON.stringify(sent)) : store.removeItem(PENDING),
      );
    },
    true,
  );

  // The answer is there: what was sent has been taken, or it is kept until it is.
  function settle() {
    const sent = using("sessionStorage", (store) => JSON.parse(store.getItem(PENDING)));
    if (!sent) return;
    using("sessionStorage", (store) => store.removeItem(PENDING));
    const key = `${KEPT}${sent.person}${sent.path}`;
    if (document.querySelector("[data-sign-in-ended]")) {
      using("localStorage", (store) => store.setItem(key, JSON.stringify({ ...sent, at: Date.now() })));
    } else using("localStorage", (store) => store.removeItem(key));
  }

  function kept(of) {
    return (
      using("localStorage", (store) => {
        const found = [];
        for (const key of Object.keys(store).filter((name) => name.startsWith(KEPT))) {
          const entry = JSON.parse(store.getItem(key));
          if (Date.now() - entry.at > DAY) store.removeItem(key);
          else if (entry.person === of) found.push({ key, ...entry });
        }
        return found;
      }) ?? []
    );
  }

  const forget = (entries) => using("localStorage", (store) => entries.forEach(({ key }) => store.removeItem(key)));

  function put(field, values) {
    if (["checkbox", "radio"].includes(field.type)) field.checked = values.includes(field.value);
    else if (field.multiple) for (const option of field.options) option.selected = values.includes(option.value);
    else field.value = values.shift() ?? field.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function restore({ action, fields }) {
    const forms = [...document.querySelectorAll("main form")].filter((form) => form.method === "post");
    const has = (form) => Object.keys(fields).some((name) => form.elements.namedItem(name));
    const form = forms.find((one) => one.getAttribute("action") === action && has(one)) ?? forms.find(has);
    if (!form) {
      find("kept-copy").value = Object.values(fields).flat().join("\n");
      find("kept-text").hidden = false;
      return;
    }
    const places = [...form.elements].filter((field) => fields[field.name] && field.type !== "hidden");
    for (const field of places) put(field, fields[field.name]);
    find("kept").hidden = true;
    places[0]?.focus();
  }

  function offer() {
    const entries = kept(person);
    if (!entries.length) return;
    const here = entries.find((entry) => entry.path === location.pathname);
    find("kept-here").hidden = find("kept-restore").hidden = !here;
    find("kept-elsewhere").hidden = find("kept-go").hidden = Boolean(here);
    if (here) find("kept-restore").addEventListener("click", () => restore(structuredClone(here)));
    else find("kept-go").href = entries[0].path + entries[0].query;
    find("kept-discard").addEventListener("click", () => {
      forget(here ? [here] : entries);
      find("kept").hidden = true;
    });
    find("kept").hidden = false;
  }

  function signedOut() {
    const was = using("sessionStorage", (store) => store.getItem(PERSON));
    forget(kept(was));
    using("sessionStorage", (store) => [PERSON, PENDING].forEach((name) => store.removeItem(name)));
    setCookie("", "; Max-Age=0");
  }

  document.addEventListener("htmx:after:swap", settle);
  if (document.querySelector("[data-signed-out]")) signedOut();
  else settle();
  if (document.querySelector("[data-told]")) using("sessionStorage", (store) => store.removeItem(PERSON));
  if (person && meet()) offer();
})();
