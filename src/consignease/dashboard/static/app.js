// Small helpers of the Dashboard; every page works without them, only less comfortably.
(() => {
  'use strict';
  const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content || '';
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Every request of htmx carries the session's token.
  document.addEventListener('htmx:configRequest', (event) => {
    event.detail.headers['X-CSRF-Token'] = meta('csrf');
  });

  // Copying.
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    if (!source) return;
    const text = 'value' in source ? source.value : source.textContent;
    try {
      await navigator.clipboard.writeText(text.trim());
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand('copy');
    }
    const label = button.querySelector('.word') || button;
    const before = label.textContent;
    button.classList.add('copied');
    if (label !== button || !button.querySelector('svg')) label.textContent = 'Copied';
    document.getElementById('spoken').textContent = 'Copied';
    setTimeout(() => { label.textContent = before; button.classList.remove('copied'); }, 1400);
  });

  // Menus close when something else is clicked, or by Escape.
  const closeMenus = (but) => $$('details.menu[open]').forEach((menu) => { if (menu !== but) menu.open = false; });
  document.addEventListener('click', (event) => closeMenus(event.target.closest('details.menu')));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') closeMenus(null);
    if (event.key === '/' && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName)) {
      const search = document.querySelector('[data-search]');
      if (search) { event.preventDefault(); search.focus(); }
    }
  });

  // Filters apply when they change.
  document.addEventListener('change', (event) => {
    if (event.target.matches('[data-auto]')) event.target.form.requestSubmit();
  });

  // A picture that was chosen goes into a field of the form, as a data URL.
  document.addEventListener('change', (event) => {
    const [file] = event.target.matches('[data-into]') ? event.target.files : [];
    if (!file) return;
    const reader = new FileReader();
    reader.addEventListener('load', () => { document.querySelector(event.target.dataset.into).value = reader.result; });
    reader.readAsDataURL(file);
  });

  // The tree of events: search, whole groups, count.
  function tree(root) {
    const count = root.querySelector('[data-count]');
    const boxes = () => $$('input[name=event_types]', root);
    const groupBox = (group) => group.querySelector('[data-group]');
    const tell = () => {
      const ticked = boxes().filter((box) => box.checked).length;
      count.textContent = ticked ? `${ticked} selected` : 'All events';
      $$('details', root).forEach((group) => {
        const own = $$('input[name=event_types]', group), on = own.filter((box) => box.checked).length;
        groupBox(group).checked = on === own.length;
        groupBox(group).indeterminate = on > 0 && on < own.length;
      });
    };
    $$('[data-group]', root).forEach((box) => { box.hidden = false; box.closest('label').hidden = false; });
    root.addEventListener('change', (event) => {
      if (event.target.matches('[data-group]')) {
        $$('input[name=event_types]', event.target.closest('details')).forEach((box) => { box.checked = event.target.checked; });
      }
      tell();
    });
    root.querySelector('[data-filter]').addEventListener('input', (event) => {
      const wanted = event.target.value.trim().toLowerCase();
      $$('details', root).forEach((group) => {
        let any = false;
        $$('label', group).forEach((label) => {
          const fits = label.textContent.toLowerCase().includes(wanted);
          label.hidden = !fits;
          any = any || fits;
        });
        group.hidden = !any;
        if (wanted && any) group.open = true;
      });
    });
    root.querySelector('[data-filter]').addEventListener('keydown', (event) => {
      if (event.key === 'Enter') event.preventDefault();
    });
    tell();
  }

  // Exact times in the reader's own zone.
  function times(root) {
    $$('time[datetime]', root).forEach((time) => {
      time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' });
    });
  }

  // Charts.
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  function chart(box) {
    if (!window.uPlot) return;
    const data = JSON.parse(box.dataset.chart);
    const names = box.dataset.series.split(',');
    const tones = { succeeded: '--ok-fill', failed: '--bad-fill', p50: '--accent', p99: '--wait-fill' };
    const axis = { stroke: colour('--faint'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: '12px system-ui' };
    box.replaceChildren();
    const bars = box.dataset.kind === 'bars' ? uPlot.paths.bars({ size: [0.7, 24], radius: 0.15 }) : undefined;
    const series = names.map((name) => ({
      label: name === 'succeeded' ? 'Succeeded' : name === 'failed' ? 'Failed' : name,
      stroke: colour(tones[name]), fill: bars ? colour(tones[name]) : undefined, width: bars ? 0 : 2,
      paths: bars, points: { show: !bars, size: 4 }, spanGaps: true,
    }));
    const values = names.map((name) => data[name]);
    if (bars && names.length === 2) values[0] = values[0].map((value, at) => value + values[1][at]);
    new uPlot({
      width: box.clientWidth - 20, height: 200, series: [{}, ...series], cursor: { y: false },
      scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(high * 1.15, 1)] } },
      axes: [axis, { ...axis, size: 54, values: (_, ticks) => ticks.map((tick) => `${tick}${box.dataset.unit || ''}`) }],
    }, [data.x, ...values], box);
  }

  function prepare(root) {
    $$('[data-tree]', root).forEach(tree);
    $$('[data-chart]', root).forEach(chart);
    times(root);
  }

  // Rows that were unfolded stay so when their part of the page is loaded again.
  let unfolded = [];
  document.addEventListener('htmx:beforeSwap', (event) => {
    unfolded = $$('details[id][open]', event.detail.target).map((one) => one.id);
  });
  document.addEventListener('htmx:afterSwap', () => {
    unfolded.forEach((id) => { const one = document.getElementById(id); if (one) one.open = true; });
  });
  document.addEventListener('htmx:load', (event) => { if (event.detail.elt !== document.body) prepare(event.detail.elt); });

  // Live: the server says that something changed, at most once a second the page asks what.
  let last = 0, timer = 0, waiting = false;
  const underWay = new Map();
  // Forms whose answer comes in place of a live part, which must be there until then.
  const answering = new Set();
  document.addEventListener('htmx:beforeSwap', (event) => {
    if (answering.size && underWay.has(event.detail.xhr)) event.detail.shouldSwap = false;
  });
  function live() {
    if (document.hidden || timer) return;
    timer = setTimeout(() => {
      timer = 0; last = Date.now();
      // A change that comes while the page is being loaded again is not in that answer.
      underWay.forEach((part, xhr) => { if (!part.isConnected) underWay.delete(xhr); });
      if (underWay.size || answering.size) { waiting = true; return; }
      // What somebody has opened stays under their hand; it is caught up with when it closes.
      if (document.querySelector('[data-live] .menu[open]')) { waiting = true; return; }
      htmx.trigger(document.body, 'live');
    }, Math.max(0, 1000 - (Date.now() - last)));
  }
  document.addEventListener('changed', live);
  const catchUp = () => { if (waiting) { waiting = false; live(); } };
  document.addEventListener('toggle', (event) => { if (event.target.matches('.menu') && !event.target.open) catchUp(); }, true);
  document.addEventListener('htmx:beforeRequest', (event) => {
    const { elt, target, xhr } = event.detail;
    if (elt.matches('[data-live]')) underWay.set(xhr, elt);
    else if (target?.matches('[data-live]')) answering.add(xhr);
  });
  document.addEventListener('htmx:afterRequest', (event) => {
    if (underWay.delete(event.detail.xhr)) catchUp();
    // What changed after the answer was made has been told while it was on its way.
    else if (answering.delete(event.detail.xhr)) live();
  });
  function listen() {
    const source = new EventSource('/dashboard/live');
    let gone = false;
    source.addEventListener('live', live);
    source.addEventListener('open', () => {
      document.body.classList.remove('offline');
      if (gone) live();
      gone = false;
    });
    source.addEventListener('error', () => {
      gone = true;
      document.body.classList.add('offline');
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
    });
    addEventListener('pagehide', () => source.close());
  }

  document.addEventListener('DOMContentLoaded', () => {
    prepare(document);
    if (document.querySelector('[data-live]')) listen();
    document.addEventListener('visibilitychange', () => { if (!document.hidden && document.querySelector('[data-live]')) live(); });
  });
})();
