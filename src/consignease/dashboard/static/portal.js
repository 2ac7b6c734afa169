// The portal's token: taken from the link, kept for this tab, sent with each request. No cookie has it.
(() => {
  'use strict';
  const LOOK_MS = 3000, SOON_MS = 800;
  const { root } = document.body.dataset;
  const key = `consignease ${root}`;
  let token = '';

  // Where a browser denies storage, as it may in a frame, the token lives as long as the page.
  function keep(value) {
    token = value;
    try { if (value) sessionStorage.setItem(key, value); else sessionStorage.removeItem(key); } catch { /* in memory */ }
  }
  function kept() {
    try { return sessionStorage.getItem(key) || ''; } catch { return ''; }
  }
  // The fragment leaves the address at once: it is not for the history, nor for whoever looks on.
  function taken() {
    const given = new URLSearchParams(location.hash.slice(1)).get('token');
    if (!given) return false;
    keep(given);
    history.replaceState(history.state, '', location.pathname + location.search);
    return true;
  }
  function open() {
    if (token) htmx.ajax('GET', location.pathname + location.search, { target: document.body, swap: 'innerHTML' });
    else {
      document.getElementById('opening').hidden = true;
      document.getElementById('closed').hidden = false;
    }
  }

  document.addEventListener('htmx:configRequest', (event) => {
    event.detail.headers.Authorization = `Bearer ${token}`;
  });
  // Back and forward: htmx asks for the page again, past configRequest.
  document.addEventListener('htmx:historyCacheMiss', (event) => {
    event.detail.xhr.setRequestHeader('Authorization', `Bearer ${token}`);
  });
  document.addEventListener('htmx:historyCacheMissLoadError', open);

  // What was done on a page and ends on it, a resend say, is no step: Back leads to the page before it.
  document.addEventListener('htmx:beforeHistoryUpdate', (event) => {
    const { history: step, requestConfig } = event.detail;
    const [path] = String(step.path).split(/[?#]/);
    if (requestConfig.verb === 'post' && path === location.pathname) step.type = 'replace';
  });

  // What was refused is shown as a page, also where a part of one was asked for.
  document.addEventListener('htmx:beforeSwap', (event) => {
    const { detail } = event, { status } = detail.xhr;
    if (status < 400 || status === 422) return;
    if (status === 401) keep('');
    if (status >= 500 && detail.requestConfig.triggeringEvent?.type === 'live') return;
    Object.assign(detail, { shouldSwap: true, target: document.body, swapOverride: 'innerHTML', selectOverride: '#portal, #spoken' });
  });

  // Lists and numbers are looked at again now and then, and soon after something was done here.
  const look = () => { if (token && !document.hidden) document.dispatchEvent(new Event('changed')); };
  setInterval(look, LOOK_MS);
  document.addEventListener('htmx:afterRequest', (event) => {
    const { successful, requestConfig } = event.detail;
    document.body.classList.toggle('offline', !successful && !event.detail.xhr.status);
    if (successful && requestConfig.verb === 'post') setTimeout(look, SOON_MS);
  });

  // A page that took the place of another is told to those who do not see it.
  document.addEventListener('htmx:afterSettle', (event) => {
    if (event.detail.target !== document.body) return;
    const spoken = document.getElementById('spoken');
    if (spoken) spoken.textContent = document.title;
    if (!document.activeElement?.hasAttribute('autofocus')) document.getElementById('main')?.focus({ preventScroll: true });
  });

  addEventListener('hashchange', () => { if (taken()) open(); });
  document.addEventListener('DOMContentLoaded', () => {
    if (!taken()) token = kept();
    open();
  });
})();
