/* Small helps on top of pages that work without them: local times, tick all, counts, focus and announcements. */
(() => {
  "use strict";

  const SHORT = 9; // a list with fewer lines is seen at a glance and needs no field that filters it

  const localTime = new Intl.DateTimeFormat(undefined, {
    ...{ day: "numeric", month: "short", year: "numeric" },
    ...{ hour: "2-digit", minute: "2-digit", timeZoneName: "short" },
  });

  function announce(text) {
    const place = document.getElementById("announcer");
    if (place && text && place.textContent !== text) place.textContent = text;
  }

  function countTicks(form) {
    const name = form.dataset.counts;
    const ticked = [...form.elements].filter((field) => field.name === name && field.checked).length;
    const place = form.querySelector("[data-count]");
    if (place) place.textContent = ticked ? `${ticked} ticked` : "";
  }

  function isElsewhere(at) {
    return at.getTimezoneOffset() !== 0;
  }

  // Times are typed in UTC, for people of one course may live in several zones; what they mean here is said beneath.
  function tellLocal(field) {
    const at = new Date(`${field.value}Z`);
    const tells = !Number.isNaN(at.getTime()) && isElsewhere(at);
    document.getElementById(`${field.id}-local`).textContent = tells ? `For you: ${localTime.format(at)}` : "";
  }

  function prepare() {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      time.title = localTime.format(at);
      if (time.matches("[data-moment]") && isElsewhere(at)) time.textContent = time.title;
    }
    for (const field of document.querySelectorAll("[data-utc]")) tellLocal(field);
    for (const element of document.querySelectorAll("[data-without-script]")) element.hidden = true;
    for (const button of document.querySelectorAll("[data-tick-all], [data-needs-script]")) button.hidden = false;
    for (const form of document.querySelectorAll("form[data-counts]")) countTicks(form);
    for (const field of document.querySelectorAll("[data-filters]")) filter(field);
  }

  // As people type what they look for: without case and accents, blanks for the hyphens of names.
  function plain(text) {
    const bare = text.normalize("NFD").replace(/\p{M}/gu, "");
    return bare.toLocaleLowerCase().replace(/[\s_-]+/gu, " ").trim();
  }

  function shownText(one) {
    if (!one.querySelector("details, form")) return one.textContent;
    const copy = one.cloneNode(true); // without what is offered there: a choice of groups names them all
    for (const offer of copy.querySelectorAll("details, form")) offer.remove();
    return copy.textContent;
  }

  // A long list is made short by a part of a name; what is ticked stays ticked, and is sent, though it is not in sight.
  function filter(field) {
    const list = document.getElementById(field.dataset.filters);
    if (!list) return;
    field.closest("[data-needs-script]").hidden = list.children.length < SHORT && !field.value;
    const words = plain(field.value);
    let found = 0;
    for (const one of list.children) {
      one.hidden = Boolean(words) && !plain(shownText(one)).includes(words);
      if (!one.hidden) found += 1;
    }
    const place = document.getElementById(`${field.id}-found`);
    if (place) place.textContent = words ? `${found} of ${list.children.length}` : "";
  }

  for (const kind of ["input", "change"]) {
    document.addEventListener(
      kind,
      (event) => {
        if (!event.target.matches("[data-filters]")) return;
        event.stopPropagation(); // it is sent nowhere: forms that follow their fields are not to ask anything
        filter(event.target);
      },
      true,
    );
  }

  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-utc]")) tellLocal(event.target);
  });

  // Enter in such a field looks for nothing more, and sends no form.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("[data-filters]")) event.preventDefault();
  });

  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form && form.dataset.counts) countTicks(form);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-tick-all]");
    if (!button) return;
    const boxes = [...document.querySelectorAll(`#${CSS.escape(button.dataset.tickAll)} input[type=checkbox]`)];
    const tick = boxes.some((box) => !box.checked);
    for (const box of boxes) box.checked = tick;
    if (boxes.length) countTicks(boxes[0].form);
  });

  // A code is typed as people read it out; the server takes it as it stands.
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.matches("[data-code]") || field.value.includes("/") || field.value.includes(":")) return;
    const place = field.value.slice(0, field.selectionStart ?? 0).replace(/[\s-]/g, "").length;
    const code = field.value.replace(/[\s-]/g, "").toUpperCase();
    if (code === field.value) return;
    field.value = code;
    field.setSelectionRange(place, place);
  });

  async function copy(button) {
    const field = document.getElementById(button.dataset.copies);
    field.focus();
    field.select();
    let copied = false;
    try {
      await navigator.clipboard.writeText(field.value);
      copied = true;
    } catch {
      // A frame may be kept from the clipboard; the older way asks nobody, and what is selected can be copied by hand.
      try {
        copied = document.execCommand("copy");
      } catch {
        copied = false;
      }
    }
    announce(copied ? "Copied" : "Press Ctrl or Command and C to copy what is selected");
    button.firstChild.textContent = copied ? "Copied" : "Selected: copy it by hand";
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copies]");
    if (button) copy(button);
    else if (event.target.matches("[data-select]")) event.target.select();
  });

  // What the server said a typed name is stored as takes its place when the field is left, typed text only.
  document.addEventListener("focusout", (event) => {
    const told = document.querySelector("#stored-name [data-name]");
    const field = event.target;
    if (!told || field.id !== "name" || !field.value.trim() || field.value === field.defaultValue) return;
    if (told.dataset.typed === field.value) field.value = told.dataset.name;
  });

  // A form that changes something is sent once, however often its button is pressed until the answer is there. The
  // button keeps the focus and its value: it is only said to be disabled.
  const sending = new Set();

  function mark(form, busy) {
    for (const button of form.elements) {
      if (button.type !== "submit") continue;
      if (busy) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
  }

  function release(form) {
    if (sending.delete(form)) mark(form, false);
  }

  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      // What opens another window never answers this page; there the server takes it once.
      if (form.method !== "post" || form.target) return;
      if (sending.has(form)) {
        event.preventDefault();
        event.stopImmediatePropagation();
        return;
      }
      sending.add(form);
      mark(form, true);
    },
    true,
  );

  // Of a form that the browser itself sends the answer is another page, and this one is seen again by "back" only.
  window.addEventListener("pageshow", () => [...sending].forEach(release));
  document.addEventListener("htmx:finally:request", (event) => {
    const { sourceElement, sourceEvent } = event.detail.ctx;
    if (sourceEvent?.type === "submit") release(sourceElement);
  });

  function untick() {
    for (const box of document.querySelectorAll("main input[type=checkbox]:checked")) box.checked = false;
  }

  document.addEventListener("scroll", () => {
    if (window.scrollY < 100) document.getElementById("notice")?.classList.remove("toast");
  });

  // More groups of a long set, or messages, come by themselves: what is ticked, said and in focus stays as it is.
  const coming = new Map(); // by swap: what stands before, when the focus is on what the next ones replace

  document.addEventListener("htmx:before:swap", (event) => {
    const more = event.detail.ctx.sourceElement?.closest("#more, .earlier, .follow");
    const from = more && (more.closest(".talk") ?? more.previousElementSibling);
    if (more) coming.set(event.detail.ctx, more.contains(document.activeElement) ? from : null);
  });

  // A part that follows what others do is sent anew only when something changed. What the person has opened, ticked,
  // typed, scrolled to or in focus there stays.
  const kept = new Map(); // by swap

  function keep(part) {
    const fields = [...part.querySelectorAll("details[id], input[id]:not([type=hidden]), textarea[id], select[id]")];
    const focus = document.activeElement;
    return {
      states: fields.map(({ id, open, checked, value }) => ({ id, open, checked, value })),
      scrolled: [...part.querySelectorAll(".scroll[id]")].map(({ id, scrollTop }) => ({ id, scrollTop })),
      focus: focus?.id && part.contains(focus) ? focus.id : null,
    };
  }

  function giveBack({ states, scrolled, focus }) {
    for (const { id, open, checked, value } of states) {
      const field = document.getElementById(id);
      if (!field) continue;
      if (field.matches("details")) field.open = open;
      else if (field.matches("[type=checkbox], [type=radio]")) field.checked = checked;
      else if (!field.matches("select") || [...field.options].some((one) => one.value === value)) field.value = value;
    }
    for (const { id, scrollTop } of scrolled) {
      const place = document.getElementById(id);
      if (place) place.scrollTop = scrollTop;
    }
    const before = focus && document.getElementById(focus);
    if (before && before !== document.activeElement) before.focus({ preventScroll: true });
  }

  // What a page asks for by itself changes nothing when the answer is no such part, say after the session has ended:
  // nobody asked for a page that says so in place of what they read. The part asks again at its time.
  document.addEventListener("htmx:before:swap", (event) => {
    const { sourceElement, sourceEvent, response } = event.detail.ctx;
    const byItself = sourceElement?.matches?.("[hx-trigger^=every], [hx-trigger^=load]") && sourceEvent?.type !== "submit";
    if (byItself && response.status !== 200) event.preventDefault();
  });

  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail;
    const target = typeof ctx.target === "string" ? document.querySelector(ctx.target) : ctx.target;
    const part = [ctx.sourceElement, target].find((one) => one?.matches?.("[data-live], [data-keeps]"));
    if (!part) return;
    if (ctx.response.status === 200) kept.set(ctx, keep(part));
    else event.preventDefault();
  });

  document.addEventListener("htmx:after:swap", (event) => {
    if (kept.has(event.detail.ctx)) {
      giveBack(kept.get(event.detail.ctx));
      kept.delete(event.detail.ctx);
      prepare();
      return;
    }
    if (coming.has(event.detail.ctx)) {
      const last = coming.get(event.detail.ctx);
      coming.delete(event.detail.ctx);
      prepare();
      if (last?.matches(".talk")) last.focus();
      else if (last) (last.nextElementSibling?.querySelector("a, input") ?? document.querySelector("#more a"))?.focus();
      return;
    }
    const said = document.getElementById("notice");
    if (said && window.scrollY >= 100) said.classList.add("toast");
    const whole = event.detail.ctx.target?.id === "main"; // not the question where one person shall go
    if (whole && said && ["placed", "unchanged"].includes(said.dataset.code)) untick();
    prepare();
    const told = document.querySelector("[data-announce]");
    if (told) announce(told.textContent.trim());
    const next = document.querySelector("#error-summary") || document.querySelector("[data-focus]");
    if (next) next.focus();
    else if (said && document.activeElement === document.body) said.focus({ preventScroll: true });
    if (said) announce(said.textContent.trim());
    tellTabs();
  });

  // A word about what was just done is said once: not again after a reload, nor to whom the address is sent.
  function forgetNotice() {
    const address = new URL(location.href);
    for (const name of ["notice", "count", "pushed"]) address.searchParams.delete(name);
    if (address.href !== location.href) history.replaceState(null, "", address);
  }

  // The other tabs of this course follow what was done here, unless somebody is busy in them.
  const course = location.pathname.match(/^\/courses\/[^/]+/);
  const tabs = course && "BroadcastChannel" in window ? new BroadcastChannel(course[0]) : null;

  function isChanged(field) {
    if (!field.matches("select")) return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
    const chosen = [...field.options].findIndex((one) => one.defaultSelected);
    return field.selectedIndex !== Math.max(chosen, 0);
  }

  function isBusy(main) {
    if (main.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return true;
    if (main.querySelector("#error-summary, [data-focus]")) return true;
    return [...main.querySelectorAll("input, textarea, select")].some(isChanged);
  }

  function tellTabs() {
    if (tabs && document.querySelector("#notice.notice-good, #notice.notice-warn")) tabs.postMessage("changed");
  }

  if (tabs) {
    tabs.addEventListener("message", () => {
      const main = document.getElementById("main");
      if (!main || isBusy(main)) return;
      htmx.ajax("GET", location.href, { target: "#main", swap: "innerMorph show:none" });
    });
  }

  // Parts that follow their fields: what was chosen there before anybody listened, or what the browser gave back, counts.
  window.addEventListener("load", () => {
    setTimeout(() => {
      for (const field of document.querySelectorAll("[hx-trigger*='input delay'] :is(input, select, textarea)")) {
        if (isChanged(field)) field.dispatchEvent(new Event("input", { bubbles: true }));
      }
    });
  });

  prepare();
  tellTabs();
  forgetNotice();
  const summary = document.getElementById("error-summary");
  if (summary) summary.focus();
})();
