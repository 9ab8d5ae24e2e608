// Keeps a login's secret where no cookie is needed, and hands it in again after the platform's answer.
"use strict";
(() => {
  const PATIENCE = 2000; // milliseconds that a platform's storage may take
  const LIFETIME = 10 * 60 * 1000;
  const PREFIX = "__Host-lti-";
  // Who comes by a launch is expected here, whoever used this tab before (sign_in.js).
  try {
    sessionStorage.removeItem("lti-person");
  } catch {
    // Blocked: then nothing is remembered either.
  }
  const inFrame = window.top !== window.self;

  const show = (id) => {
    document.getElementById(id).hidden = false;
    document.querySelector("h1").textContent = "Your browser blocks this";
  };

  // A cookie of the script's own shows whether the session's cookie would come back.
  const cookiesWork = () => {
    const probe = `${PREFIX}probe`;
    const rest = "; Path=/; Secure; SameSite=None; Partitioned";
    document.cookie = `${probe}=1${rest}`;
    const works = document.cookie.includes(`${probe}=1`);
    document.cookie = `${probe}=; Max-Age=0${rest}`;
    return works;
  };

  const keep = (key, secret) => {
    try {
      for (const old of Object.keys(localStorage).filter((name) => name.startsWith(PREFIX))) {
        if (Date.now() - Number(localStorage.getItem(old).split(" ")[0]) > LIFETIME) localStorage.removeItem(old);
      }
      localStorage.setItem(key, `${Date.now()} ${secret}`);
    } catch {
      // Blocked: the platform's storage may still do.
    }
  };

  const take = (key) => {
    try {
      const kept = localStorage.getItem(key);
      localStorage.removeItem(key);
      return kept ? kept.split(" ")[1] : null;
    } catch {
      return null;
    }
  };

  const storageFrame = (name) => {
    if (!name || !inFrame) return null;
    if (name === "_parent") return window.parent;
    try {
      return window.parent.frames[name] || null;
    } catch {
      return null;
    }
  };

  // 1EdTech LTI postMessage storage: only ever to and from the origin of the platform's authorization address.
  const ask = ({ target, origin }, message) =>
    new Promise((resolve) => {
      const frame = storageFrame(target);
      if (!frame || !origin) return resolve(null);
      const id = crypto.randomUUID();
      const done = (value) => {
        clearTimeout(timer);
        window.removeEventListener("message", hear);
        resolve(value);
      };
      const hear = (event) => {
        const answer = event.data;
        if (event.origin !== origin || event.source !== frame || !answer || answer.message_id !== id) return;
        done(answer.error || typeof answer.value !== "string" ? null : answer.value);
      };
      const timer = setTimeout(() => done(null), PATIENCE);
      window.addEventListener("message", hear);
      frame.postMessage({ ...message, message_id: id }, origin);
    });

  const login = async ({ dataset }) => {
    const { key, secret, next } = dataset;
    if (!cookiesWork()) return show("launch-blocked");
    keep(key, secret);
    await ask(dataset, { subject: "lti.put_data", key, value: secret });
    window.location.replace(next);
  };

  const finish = async (form) => {
    const { key } = form.dataset;
    const secret = take(key) || (await ask(form.dataset, { subject: "lti.get_data", key }));
    if (!secret) return show("launch-blocked");
    form.elements.bind.value = secret;
    form.submit();
  };

  const pages = { "launch-login": login, "launch-finish": finish, "launch-again": (link) => window.location.replace(link.href) };
  for (const [id, run] of Object.entries(pages)) {
    const element = document.getElementById(id);
    if (element) run(element);
  }
})();
