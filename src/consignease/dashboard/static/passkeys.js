// Passkeys: the browser's own dialogue between a challenge of the server and a form that takes the answer.
(() => {
  'use strict';
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (one) => one.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const listed = (ones) => (ones || []).map((one) => ({ ...one, id: bytes(one.id) }));
  const words = {
    NotAllowedError: 'Nothing was chosen, or it took too long. Try again.',
    InvalidStateError: 'This device has a passkey for your account already.',
    NotSupportedError: 'This device makes no passkeys that can be used here.',
    SecurityError: 'Passkeys do not work at this address.',
  };

  async function challenge(form) {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.dataset.challenge, { method: 'POST', body, headers: { Accept: 'application/json' } });
    const found = await answer.json().catch(() => ({ error: 'The page is too old: load it again.' }));
    if (!answer.ok || found.error) throw new Error(found.error || 'The page is too old: load it again.');
    return { ...found, challenge: bytes(found.challenge) };
  }

  async function get(options) {
    const made = await navigator.credentials.get({ publicKey: { ...options, allowCredentials: listed(options.allowCredentials) } });
    return [made, {
      clientDataJSON: text(made.response.clientDataJSON),
      authenticatorData: text(made.response.authenticatorData),
      signature: text(made.response.signature),
      userHandle: made.response.userHandle ? text(made.response.userHandle) : null,
    }];
  }

  async function create(options) {
    const made = await navigator.credentials.create({ publicKey: {
      ...options, user: { ...options.user, id: bytes(options.user.id) }, excludeCredentials: listed(options.excludeCredentials),
    } });
    return [made, {
      clientDataJSON: text(made.response.clientDataJSON),
      attestationObject: text(made.response.attestationObject),
    }];
  }

  async function run(form) {
    const button = form.querySelector('button'), error = form.querySelector('[data-error]');
    error.hidden = true;
    button.disabled = true;
    try {
      const options = await challenge(form);
      const [made, response] = await (form.dataset.passkey === 'create' ? create : get)(options);
      form.elements.answer.value = JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response });
      // The challenge stands for it from here on.
      if (form.elements.present) form.elements.present.value = '';
      form.submit();
    } catch (fault) {
      error.textContent = words[fault.name] || fault.message;
      error.hidden = false;
      button.disabled = false;
    }
  }

  document.addEventListener('DOMContentLoaded', () => {
    document.querySelectorAll('form[data-passkey]').forEach((form) => {
      if (!window.PublicKeyCredential) return;
      form.hidden = false;
      document.querySelectorAll('[data-no-passkeys]').forEach((one) => { one.hidden = true; });
      document.querySelectorAll('[data-with-passkeys]').forEach((one) => { one.hidden = false; });
      form.addEventListener('submit', (event) => { event.preventDefault(); run(form); });
    });
  });
})();
