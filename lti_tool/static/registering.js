// Tells the LMS that its window may be closed: at once, or when the person has read what is still to be done.
"use strict";
(() => {
  const CLOSE = "org.imsglobal.lti.close";
  const page = document.getElementById("registered");
  const button = document.getElementById("close-registration");
  const lms = window.opener || window.parent;
  if (!page || lms === window) return; // nobody to tell: the page's own words do

  // The message says nothing but its subject, so any window may hear it (LTI Dynamic Registration 1.0, 3.7).
  const close = () => lms.postMessage({ subject: CLOSE }, "*");
  button.hidden = false;
  button.addEventListener("click", close);
  if (page.dataset.close === "at-once") close();
})();
