/* The explorer of single queries: search, filters, a list of which only the visible rows exist, and a query's documents
   in every pipeline side by side. Data come from inert script elements and become text nodes, never markup. */
'use strict';

(() => {
  const host = document.querySelector('#explorer .explorer');
  if (!host) {
    return;
  }

  const WORDS = {
    en: {
      unpacking: 'Unpacking the queries…',
      broken: 'The queries cannot be unpacked here ({why}). A current version of Firefox, Chrome or Safari can.',
      set: 'Set', search: 'Search queries and ids', a: 'Compare', b: 'with', sort: 'Order', outcome: 'Outcome',
      change: 'largest change first', gain: 'largest gain first', loss: 'largest loss first', id: 'by id',
      file: 'as in the set', lowOf: '{measure} of B, lowest first',
      highOf: '{measure} of B, highest first', all: 'all ({n})', wins: 'B gains ({n})', ties: 'equal ({n})',
      losses: 'B loses ({n})', traps: 'Traps of B ({n})',
      trapsTitle: 'A document that is judged 0 stands above every relevant one in B',
      any: 'any', status: '{n} of {total} queries', none: 'No query matches.',
      list: 'Queries', trap: 'trap', row: '{measure}: A {a}, B {b}, difference {change}',
      rowOne: '{measure}: {b}', whole: 'Whole texts', label: 'Judged', document: 'Document',
      relevant: 'relevant, {n}', wrong: 'not relevant', unjudged: 'not judged',
      unranked: 'not among its first {n}', read: 'read {n}%', unread: 'not read',
      grey: 'Grey text behind “not read” did not fit into the prompt of {name}.',
      leftOut: 'relevant documents not shown: {n}', caption: 'Documents of {id}, in the order of B',
      captionOne: 'Documents of {id}', rank: 'rank', about: 'What is shown', score: 'score', probability: 'P(yes)',
      aboutShown: 'Of each query: the first {first} documents of every ranking and the relevant ones, at most ' +
        '{documents}; of each document up to {characters} characters. Under a rank stands the score: the probability ' +
        'of “yes” where a reranker gives one, else the pipeline’s own number.',
      aboutTrap: 'A trap: a document that is judged 0 stands above every relevant one.',
      aboutQueries: '{n} more queries were left out to keep the page small.',
      aboutPipelines: 'Left out, because no more than {n} stand side by side: {names}.',
      aboutEngine: '{name}: how far it reads is not known, so no text is grey.',
      aboutTokenizer: '{name}: documents were cut, and its tokenizer is out of reach, so no text is grey.',
      aboutSome: '{name}: where documents were cut is known for a part of the queries only.',
    },
    zh: {
      unpacking: '正在解压查询…',
      broken: '此处无法解压查询（{why}）。请使用较新版本的 Firefox、Chrome 或 Safari。',
      set: '数据集', search: '搜索查询或编号', a: '比较', b: '与', sort: '排序', outcome: '结果',
      change: '变化最大者在前', gain: '提升最大者在前', loss: '下降最大者在前', id: '按编号', file: '按数据集顺序',
      lowOf: 'B 的 {measure}，最低者在前', highOf: 'B 的 {measure}，最高者在前',
      all: '全部（{n}）', wins: 'B 更好（{n}）', ties: '相同（{n}）', losses: 'B 更差（{n}）', traps: 'B 的陷阱（{n}）',
      trapsTitle: '在 B 中，有被标为 0 的文档排在所有相关文档之前',
      any: '不限', status: '{total} 个查询中的 {n} 个', none: '没有符合条件的查询。',
      list: '查询', trap: '陷阱', row: '{measure}：A {a}，B {b}，相差 {change}', rowOne: '{measure}：{b}',
      whole: '显示全文', label: '标注', document: '文档',
      relevant: '相关，{n}', wrong: '不相关', unjudged: '未标注', unranked: '不在其前 {n} 名内', read: '读到 {n}%',
      unread: '未读', grey: '“未读”之后的灰色文字超出长度，{name} 没有读到。',
      leftOut: '未显示的相关文档：{n}', caption: '{id} 的文档，按 B 的次序', captionOne: '{id} 的文档',
      rank: '名次', about: '显示了什么', score: '得分', probability: 'P(yes)',
      aboutShown: '每个查询：每种排序的前 {first} 个文档和相关文档，最多 {documents} 个；每个文档最多 {characters} ' +
        '个字符。名次下面是得分：重排序器给出概率时为“yes”的概率，否则为该流程自己的得分。',
      aboutTrap: '陷阱：有被标为 0 的文档排在所有相关文档之前。',
      aboutQueries: '为控制页面大小，另有 {n} 个查询未收入。',
      aboutPipelines: '最多并排 {n} 个流程，未收入：{names}。',
      aboutEngine: '{name}：不知道它读到哪里，因此没有灰色文字。',
      aboutTokenizer: '{name}：有文档被截断，但无法取得它的分词器，因此没有灰色文字。',
      aboutSome: '{name}：只知道部分查询的文档截断位置。',
    },
  };
  /* Of fields of the set, these names and values are ours; all others stay as they are. */
  const KNOWN_ZH = new Map(Object.entries({
    language: '语言', script: '文字', domain: '领域', yes: '是', no: '否', 'not stated': '未说明',
    'Chinese characters': '汉字', 'Latin letters': '拉丁字母', other: '其他',
  }));
  const STOP_WORDS = new Set((
    'a about am an and are as at be been but by can could did do does for from had has have how i ' +
    'if in into is it its me my no not of on or our should so such than that the their then there ' +
    'these they this to was we were what when where which who why will with would you your'
  ).split(' '));
  const EAST = '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}';
  const RUNS = new RegExp(`([${EAST}]+)|((?:(?![${EAST}])[\\p{L}\\p{M}\\p{N}])+)`, 'gu');
  const EQUAL = 1.5e-6; /* values come with six digits */
  const OVERSCAN = 6;

  const language = () => (document.documentElement.dataset.lang === 'zh' ? 'zh' : 'en');
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, key) => (key in values ? values[key] : all));
  const say = (key, values = {}) => fill(WORDS[language()][key], values);
  const known = (text) => (language() === 'zh' && KNOWN_ZH.get(text)) || text;
  const count = (n) => n.toLocaleString('en');
  const minus = (text) => text.replace('-', '\u2212');
  const value = (v) => (v === null ? '–' : v.toFixed(3));
  const signed = (v) => {
    if (Number.isNaN(v)) {
      return '–';
    }
    return Math.abs(v) <= EQUAL ? '0' : (v > 0 ? '+' : '\u2212') + Math.abs(v).toFixed(3);
  };
  const score = (v, unit) => {
    if (unit === 'probability') {
      return v > 0 && v < 0.001 ? '<0.001' : v > 0.999 && v < 1 ? '>0.999' : v.toFixed(3);
    }
    return minus(Math.abs(v) < 1000 ? v.toPrecision(4) : String(v));
  };

  /* An element with properties, attributes (in `attr`) and children; strings become text. */
  const make = (tag, props = {}, ...children) => {
    const { attr = {}, ...own } = props;
    const element = Object.assign(document.createElement(tag), own);
    for (const [name, text] of Object.entries(attr)) {
      element.setAttribute(name, text);
    }
    element.append(...children);
    return element;
  };

  /* ------------------------------------------------------------------------------------------------ the data */

  const unpack = async (holder) => {
    const packed = atob(holder.textContent.trim());
    const bytes = new Uint8Array(packed.length);
    for (let i = 0; i < packed.length; i += 1) {
      bytes[i] = packed.charCodeAt(i);
    }
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    const [head, body] = (await new Response(stream).text()).split('\n', 2).map((line) => JSON.parse(line));
    const queries = body.queries.map(([id, text, fields, values, traps, leftOut, documents], place) => (
      { place, id, text, fields, values, traps, leftOut, documents, hay: null }));
    return { ...head, measure: holder.dataset.measure, documents: body.documents, queries };
  };

  const folded = (text) => text.normalize('NFKC').toLowerCase();
  const hay = (query) => {
    query.hay ??= folded(`${query.id}\n${query.text}`);
    return query.hay;
  };

  /* ------------------------------------------------------------------------------------- words of a query */

  const stem = (word) => {
    if (!/^[a-z]{4,}$/.test(word)) {
      return word;
    }
    const short = word.endsWith('ies') ? `${word.slice(0, -3)}y` : word.replace(/(?:ing|ed|es|s|e)$/, '');
    return short.length >= 3 ? short : word;
  };

  const pairs = (run) => {
    const characters = [...run];
    return characters.length === 1 ? characters : characters.slice(1).map((next, i) => characters[i] + next);
  };

  const wordsOf = (text) => {
    const found = new Set();
    for (const [, east, word] of text.matchAll(RUNS)) {
      for (const each of east ? pairs(east) : [folded(word)]) {
        if (!STOP_WORDS.has(each)) {
          found.add(stem(each));
        }
      }
    }
    return found;
  };

  /* Where words of the query stand in a text: [start, end] each, in order. Of Chinese, every pair of characters. */
  const marksIn = (text, wanted) => {
    const marks = [];
    const add = (start, end) => {
      const last = marks.at(-1);
      if (last && start <= last[1]) {
        last[1] = Math.max(last[1], end);
      } else {
        marks.push([start, end]);
      }
    };
    for (const { 1: east, 2: word, index } of text.matchAll(RUNS)) {
      if (word) {
        if (wanted.has(stem(folded(word)))) {
          add(index, index + word.length);
        }
        continue;
      }
      let at = index;
      let before = '';
      for (const character of east) {
        if (before && wanted.has(before + character)) {
          add(at - before.length, at + character.length);
        } else if (wanted.has(character)) {
          add(at, at + character.length);
        }
        at += character.length;
        before = character;
      }
    }
    return marks;
  };

  /* A document's text: title, marked words, and in grey what lies behind `stop`. Offsets count in the whole text. */
  const writeText = (place, [, title, length, ...pieces], wanted, stop) => {
    let end = 0;
    let saidUnread = false;
    for (let i = 0; i < pieces.length; i += 2) {
      const start = i === 0 ? 0 : pieces[i - 1];
      const text = pieces[i];
      if (start > end) {
        place.append(' … ');
      }
      end = start + text.length;
      const marks = marksIn(text, wanted);
      const edges = new Set([0, text.length, title - start, stop - start, ...marks.flat()]);
      const cuts = [...edges].filter((at) => at >= 0 && at <= text.length).sort((x, y) => x - y);
      for (let n = 0; n + 1 < cuts.length; n += 1) {
        const [from, to] = [cuts[n], cuts[n + 1]];
        const unread = start + from >= stop;
        if (unread && !saidUnread) {
          place.append(make('span', { className: 'stop' }, say('unread')));
          saidUnread = true;
        }
        const part = make('span', { className: unread ? 'unread' : start + to <= title ? 'title' : '' });
        const marked = marks.some(([open, close]) => open <= from && to <= close);
        part.append(marked ? make('mark', {}, text.slice(from, to)) : text.slice(from, to));
        place.append(part);
      }
    }
    if (end < length) {
      place.append(' …');
    }
    return saidUnread;
  };

  /* ----------------------------------------------------------------------------------------------- the state */

  const holders = [...document.querySelectorAll('script[id^="explorer-data-"]')];
  const unpacked = new Map();
  const state = { set: 0, text: '', a: 0, b: 0, sort: 'change', outcome: 'all', trap: false, fields: [], whole: false };
  let data = null;
  let view = [];
  let open = null; /* a query */
  let active = 0; /* a place in the view: the row that the keyboard is at */

  const change = (query) => {
    const [a, b] = [query.values[state.a], query.values[state.b]];
    return a === null || b === null ? Number.NaN : b - a;
  };
  const outcome = (query) => {
    const by = change(query);
    return by > EQUAL ? 'wins' : by < -EQUAL ? 'losses' : 'ties';
  };
  const fell = (query) => ((query.traps >> state.b) & 1) === 1;
  const alone = () => data.pipelines.length < 2;

  /* Missing numbers come last, equal ones in the order of the set. */
  const by = (key) => (x, y) => {
    const [p, q] = [key(x), key(y)];
    return Number(Number.isNaN(p)) - Number(Number.isNaN(q)) || p - q || x.place - y.place;
  };
  const ORDERS = {
    change: by((query) => -Math.abs(change(query))),
    gain: by((query) => -change(query)),
    loss: by((query) => change(query)),
    lowOf: by((query) => query.values[state.b] ?? Number.NaN),
    highOf: by((query) => -(query.values[state.b] ?? Number.NaN)),
    id: (x, y) => COLLATOR.compare(x.id, y.id) || x.place - y.place,
    file: (x, y) => x.place - y.place,
  };
  const COLLATOR = new Intl.Collator('en', { numeric: true });

  /* ------------------------------------------------------------------------------------- the static elements */

  const bar = make('div', { className: 'bar', attr: { role: 'search' } });
  const status = make('p', { className: 'status', attr: { role: 'status' } });
  const space = make('div', { className: 'space', attr: { role: 'list' } });
  const box = make('div', { className: 'box' }, space);
  const empty = make('p', { className: 'empty', hidden: true });
  const about = make('details', { className: 'about' });
  const rows = new Map(); /* place in the view -> its element */
  let rowHeight = 48;
  let panelHeight = 0;
  let controls = {};

  /* A control with its name above it. */
  const field = (name, control) => {
    control.id = `explorer-control-${bar.childElementCount}`;
    bar.append(make('div', { className: 'field' }, make('label', { htmlFor: control.id }, name), control));
    return control;
  };
  const select = (options, chosen, changed) => {
    const element = make('select');
    for (const [key, text] of options) {
      element.append(make('option', { value: key, selected: String(key) === String(chosen) }, text));
    }
    element.addEventListener('change', () => changed(element.value));
    return element;
  };

  const buildBar = () => {
    bar.replaceChildren();
    bar.setAttribute('aria-label', say('list'));
    const set = (key, number = false) => (chosen) => {
      state[key] = number ? Number(chosen) : chosen;
      refresh();
    };
    if (holders.length > 1) {
      const sets = holders.map((each, i) => [i, each.dataset.name]);
      field(say('set'), select(sets, state.set, (chosen) => show(Number(chosen), true)));
    }
    const search = make('input', { type: 'search', value: state.text, autocomplete: 'off', spellcheck: false });
    search.addEventListener('input', () => set('text')(search.value));
    search.addEventListener('keydown', (event) => {
      if (event.key === 'ArrowDown' && view.length) {
        event.preventDefault();
        goTo(active);
      }
    });
    field(say('search'), search).parentElement.classList.add('wide');
    const names = data.pipelines.map((each, i) => [i, each.name]);
    if (!alone()) {
      field(`${say('a')} A`, select(names, state.a, set('a', true)));
      field(`${say('b')} B`, select(names, state.b, set('b', true)));
      const outcomes = ['all', 'wins', 'ties', 'losses'].map((key) => [key, key]);
      controls.outcome = field(say('outcome'), select(outcomes, state.outcome, set('outcome')));
    }
    const measure = data.measure;
    const orders = Object.keys(ORDERS).filter((key) => !alone() || !['change', 'gain', 'loss'].includes(key));
    if (!orders.includes(state.sort)) {
      state.sort = 'lowOf';
    }
    field(say('sort'), select(orders.map((key) => [key, say(key, { measure })]), state.sort, set('sort')));
    data.fields.forEach((each, i) => {
      const options = [['', say('any')], ...each.values.map((text, n) => [n, known(text)])];
      field(known(each.name), select(options, state.fields[i] ?? '', (chosen) => {
        state.fields[i] = chosen === '' ? null : Number(chosen);
        refresh();
      }));
    });
    const tick = (key, text, changed) => {
      const input = make('input', { type: 'checkbox', checked: state[key] });
      input.addEventListener('change', () => changed(input.checked));
      const words = make('span', {}, text);
      bar.append(make('label', { className: 'tick' }, input, words));
      return words;
    };
    controls.trap = tick('trap', '', set('trap'));
    controls.trap.parentElement.title = say('trapsTitle');
    tick('whole', say('whole'), (on) => {
      state.whole = on;
      host.classList.toggle('whole', on);
    });
    space.setAttribute('aria-label', say('list'));
    empty.textContent = say('none');
  };

  const buildAbout = () => {
    const { cut, pipelines } = data;
    const lines = [
      say('aboutShown', { first: cut.first, documents: cut.documents, characters: count(cut.characters) }),
      say('aboutTrap'),
    ];
    if (cut.queries) {
      lines.push(say('aboutQueries', { n: count(cut.queries) }));
    }
    if (cut.pipelines.length) {
      lines.push(say('aboutPipelines', { n: pipelines.length, names: cut.pipelines.join(', ') }));
    }
    const told = { engine: 'aboutEngine', tokenizer: 'aboutTokenizer', some: 'aboutSome' };
    for (const { name, reading } of pipelines) {
      if (told[reading]) {
        lines.push(say(told[reading], { name }));
      }
    }
    const list = make('ul', {}, ...lines.map((line) => make('li', {}, line)));
    about.replaceChildren(make('summary', {}, say('about')), list);
  };

  /* ----------------------------------------------------------------------------------------------- the list */

  const refresh = () => {
    const wanted = folded(state.text).split(/\s+/).filter(Boolean);
    const found = data.queries.filter((query) => (
      wanted.every((word) => hay(query).includes(word)) &&
      state.fields.every((chosen, i) => chosen === null || chosen === undefined || query.fields[i] === chosen)));
    const counts = { all: found.length, wins: 0, ties: 0, losses: 0, traps: 0 };
    for (const query of found) {
      counts[outcome(query)] += 1;
      counts.traps += Number(fell(query));
    }
    if (controls.outcome) {
      for (const option of controls.outcome.options) {
        option.textContent = say(option.value, { n: count(counts[option.value]) });
      }
    }
    controls.trap.textContent = say('traps', { n: count(counts.traps) });
    view = found.filter((query) => (
      (alone() || state.outcome === 'all' || outcome(query) === state.outcome) && (!state.trap || fell(query))));
    view.sort(ORDERS[state.sort]);
    open = view.includes(open) ? open : null;
    active = Math.max(0, view.indexOf(open));
    status.textContent = say('status', { n: count(view.length), total: count(data.queries.length) });
    empty.hidden = view.length > 0;
    box.hidden = view.length === 0;
    box.scrollTop = 0;
    redraw();
  };

  const redraw = () => {
    for (const element of rows.values()) {
      element.remove();
    }
    rows.clear();
    panelHeight = 0;
    draw();
    fit();
    if (open) {
      reveal(view.indexOf(open));
    }
  };

  /* Take the heights anew: all rows have one, the open panel its own. */
  const fit = () => {
    const first = rows.values().next().value;
    rowHeight = first?.firstChild.offsetHeight || rowHeight;
    panelHeight = open ? rows.get(view.indexOf(open)).lastChild.offsetHeight : 0;
    draw();
  };

  const topOf = (place) => place * rowHeight + (open && place > view.indexOf(open) ? panelHeight : 0);
  const placeAt = (y) => {
    const at = open ? view.indexOf(open) : -1;
    const below = (at + 1) * rowHeight;
    if (at < 0 || y < below) {
      return Math.floor(y / rowHeight);
    }
    return y < below + panelHeight ? at : Math.floor((y - panelHeight) / rowHeight);
  };

  /* Make the rows that can be seen, the one that the keyboard is at and the open one; remove all others. */
  const draw = () => {
    space.style.height = `${view.length * rowHeight + (open ? panelHeight : 0)}px`;
    const last = Math.min(view.length - 1, placeAt(box.scrollTop + box.clientHeight) + OVERSCAN);
    const wanted = new Set();
    for (let place = Math.max(0, placeAt(box.scrollTop) - OVERSCAN); place <= last; place += 1) {
      wanted.add(place);
    }
    if (active < view.length) {
      wanted.add(active);
    }
    if (open) {
      wanted.add(view.indexOf(open));
    }
    for (const [place, element] of rows) {
      if (!wanted.has(place)) {
        element.remove();
        rows.delete(place);
      }
    }
    let next = space.firstChild;
    for (const place of [...wanted].sort((x, y) => x - y)) {
      let element = rows.get(place);
      if (element) {
        next = element.nextSibling;
      } else {
        element = row(view[place], place);
        rows.set(place, element);
        space.insertBefore(element, next);
      }
      element.style.top = `${topOf(place)}px`;
      element.firstChild.tabIndex = place === active ? 0 : -1;
    }
  };

  const row = (query, place) => {
    const by = change(query);
    const kind = outcome(query);
    const b = value(query.values[state.b]);
    const numbers = alone() ? [make('span', { className: 'change' }, b)] : [
      make('span', { className: 'values' }, `${value(query.values[state.a])} → ${b}`),
      make('span', { className: `change ${kind}` }, signed(by)),
    ];
    const trap = fell(query) ? [' ', make('span', { className: 'trap' }, say('trap'))] : [];
    const button = make(
      'button',
      { type: 'button', className: 'query', tabIndex: -1, attr: { 'aria-expanded': 'false' } },
      make('span', { className: 'sign', attr: { 'aria-hidden': 'true' } }),
      make('span', { className: 'text', dir: 'auto' }, query.text),
      make('span', { className: 'id' }, make('bdi', {}, query.id), ...trap),
      make('span', { className: 'numbers', attr: { 'aria-hidden': 'true' } }, ...numbers),
      make('span', { className: 'unseen' }, say(alone() ? 'rowOne' : 'row', {
        measure: data.measure, a: value(query.values[state.a]), b, change: signed(by) })),
    );
    button.addEventListener('click', () => toggle(query));
    const attr = { role: 'listitem', 'aria-setsize': String(view.length), 'aria-posinset': String(place + 1) };
    const element = make('div', { className: 'item', attr }, button);
    if (query === open) {
      expand(element, query);
    }
    return element;
  };

  const expand = (element, query) => {
    const shown = panel(query);
    element.classList.add('open');
    element.firstChild.setAttribute('aria-expanded', 'true');
    element.firstChild.setAttribute('aria-controls', shown.id);
    element.append(shown);
    measured.observe(shown);
  };

  const collapse = (element) => {
    element.classList.remove('open');
    element.firstChild.setAttribute('aria-expanded', 'false');
    element.firstChild.removeAttribute('aria-controls');
    measured.unobserve(element.lastChild);
    element.lastChild.remove();
  };

  const toggle = (query) => {
    const before = open;
    const was = before ? rows.get(view.indexOf(before)) : null;
    if (was) {
      collapse(was);
    }
    open = before === query ? null : query;
    active = view.indexOf(query);
    panelHeight = 0;
    if (open) {
      const element = rows.get(active);
      expand(element, query);
      panelHeight = element.lastChild.offsetHeight;
    }
    draw();
    if (open) {
      reveal(active);
    }
    rows.get(active).firstChild.focus({ preventScroll: true });
  };

  const measured = new ResizeObserver((entries) => {
    const height = entries.at(-1).target.offsetHeight;
    if (open && height !== panelHeight) {
      panelHeight = height;
      draw();
    }
  });

  /* Scroll the list so that a row is in sight, with its panel as far as there is room. */
  const reveal = (place) => {
    const top = topOf(place);
    const height = rowHeight + (view[place] === open ? panelHeight : 0);
    if (top < box.scrollTop || height > box.clientHeight) {
      box.scrollTop = top;
    } else if (top + height > box.scrollTop + box.clientHeight) {
      box.scrollTop = top + height - box.clientHeight;
    }
  };

  const goTo = (place) => {
    active = Math.max(0, Math.min(view.length - 1, place));
    reveal(active);
    draw();
    rows.get(active).firstChild.focus({ preventScroll: true });
  };

  const page = () => Math.max(1, Math.floor(box.clientHeight / rowHeight) - 1);
  const STEPS = {
    ArrowDown: () => active + 1, ArrowUp: () => active - 1, Home: () => 0, End: () => view.length - 1,
    PageDown: () => active + page(), PageUp: () => active - page(),
  };
  space.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && open) {
      event.preventDefault();
      toggle(open);
    } else if (Object.hasOwn(STEPS, event.key) && event.target.classList.contains('query')) {
      event.preventDefault();
      goTo(STEPS[event.key]());
    }
  });
  space.addEventListener('focusin', (event) => {
    for (const [place, element] of rows) {
      if (element.firstChild === event.target && place !== active) {
        rows.get(active)?.firstChild.setAttribute('tabindex', '-1');
        active = place;
        event.target.tabIndex = 0;
      }
    }
  });
  let waiting = false;
  box.addEventListener('scroll', () => {
    if (!waiting) {
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        draw();
      });
    }
  });

  /* -------------------------------------------------------------------------------------------- the documents */

  const judged = (grade) => {
    if (grade === null || grade < 0) {
      return ['unjudged', say('unjudged')];
    }
    return grade > 0 ? ['relevant', say('relevant', { n: grade })] : ['wrong', say('wrong')];
  };

  const panel = (query) => {
    const { pipelines, fields } = data;
    const wanted = wordsOf(query.text);
    const order = (rank) => rank || Number.POSITIVE_INFINITY;
    const standing = ([, , ranks]) => [order(ranks[state.b]), order(ranks[state.a])];
    const nearer = (x, y) => (x === y ? 0 : x - y); /* of two that are infinite, neither */
    const documents = query.documents.map((each) => [each, standing(each)])
      .sort(([, x], [, y]) => nearer(x[0], y[0]) || nearer(x[1], y[1])).map(([each]) => each);
    const heading = (...parts) => make('th', { scope: 'col', attr: { role: 'columnheader' } }, ...parts);
    const letters = (i) => (alone() ? '' : [i === state.a && 'A', i === state.b && 'B'].filter(Boolean).join(' '));
    const head = make('tr', { attr: { role: 'row' } }, heading(say('label')), heading(say('document')));
    pipelines.forEach((each, i) => {
      const cell = heading(
        make('span', { className: 'name', dir: 'auto' }, each.name),
        make('small', {}, `${data.measure} `, make('b', {}, value(query.values[i]))),
        make('small', {}, `${say('rank')}, ${say(each.unit)}`),
      );
      if (letters(i)) {
        cell.prepend(make('b', { className: 'letter' }, letters(i)));
      }
      head.append(cell);
    });
    const body = make('tbody', { attr: { role: 'rowgroup' } });
    const greyed = new Set();
    for (const [at, grade, ranks, scores, reads = {}] of documents) {
      const shown = data.documents[at];
      const [kind, label] = judged(grade);
      const reader = [state.b, state.a, ...Object.keys(reads).map(Number)].find((i) => reads[i] !== undefined);
      const stop = reader === undefined ? Number.POSITIVE_INFINITY : reads[reader];
      const text = make('div', { className: 'words', dir: 'auto' });
      if (writeText(text, shown, wanted, stop)) {
        greyed.add(pipelines[reader].name);
        text.classList.add('all');
      }
      const line = make('tr', { className: kind, attr: { role: 'row' } },
        make('td', { className: 'judged', attr: { role: 'cell' } }, make('span', {}, label)),
        make('th', { scope: 'row', attr: { role: 'rowheader' } }, make('bdi', { className: 'id' }, shown[0]), text));
      pipelines.forEach((each, i) => {
        const named = letters(i) ? `${each.name} (${letters(i)})` : each.name;
        const cell = make('td', { className: letters(i) && 'chosen', attr: { role: 'cell', 'data-label': named } });
        if (ranks[i]) {
          cell.append(make('b', {}, String(ranks[i])), ' ', make('small', {}, score(scores[i], each.unit)));
        } else {
          cell.title = say('unranked', { n: each.depth });
          const dash = make('span', { attr: { 'aria-hidden': 'true' } }, '–');
          cell.append(dash, make('span', { className: 'unseen' }, cell.title));
        }
        if (reads[i] !== undefined) {
          const part = Math.floor(100 * reads[i] / shown[2]);
          cell.append(' ', make('small', {}, say('read', { n: part })));
        }
        line.append(cell);
      });
      body.append(line);
    }
    const caption = say(alone() ? 'captionOne' : 'caption', { id: query.id });
    const table = make('table', { attr: { role: 'table' } }, make('caption', { className: 'unseen' }, caption),
      make('thead', { attr: { role: 'rowgroup' } }, head), body);
    table.style.setProperty('--pipelines', pipelines.length);
    const facts = fields.map((each, i) => `${known(each.name)}: ${known(each.values[query.fields[i]])}`);
    if (query.leftOut) {
      facts.push(say('leftOut', { n: query.leftOut }));
    }
    const attr = { role: 'group', 'aria-label': query.id };
    return make('div', { className: 'panel', id: `explorer-query-${query.place}`, attr },
      make('p', { className: 'asked', dir: 'auto' }, query.text),
      ...(facts.length ? [make('p', { className: 'facts' }, facts.join(' · '))] : []),
      make('div', { className: 'scroll', tabIndex: 0, attr: { role: 'region', 'aria-label': caption } }, table),
      ...[...greyed].map((name) => make('p', { className: 'facts' }, say('grey', { name }))));
  };

  /* ---------------------------------------------------------------------------------------------------- start */

  const build = () => {
    host.lang = language();
    if (data) {
      controls = {};
      buildBar();
      buildAbout();
    }
  };

  const tell = (text) => {
    status.textContent = text;
    box.hidden = true;
  };

  const show = async (place, chosen = false) => {
    tell(say('unpacking'));
    state.set = place;
    try {
      if (!unpacked.has(place)) {
        unpacked.set(place, await unpack(holders[place]));
        holders[place].textContent = '';
      }
    } catch (error) {
      tell(say('broken', { why: error.message }));
      return;
    }
    data = unpacked.get(place);
    [state.a, state.b] = data.compare;
    Object.assign(state, { text: '', outcome: 'all', trap: false, fields: data.fields.map(() => null) });
    open = null;
    build();
    refresh();
    if (chosen) {
      bar.querySelector('select').focus();
    }
  };

  host.append(bar, status, box, empty, about);
  for (const missing of document.querySelectorAll('#explorer .without-script')) {
    missing.hidden = true;
  }
  host.hidden = false;
  build();
  document.addEventListener('languagechange-report', () => {
    build();
    if (data) {
      const { scrollTop } = box;
      refresh();
      box.scrollTop = scrollTop;
    }
  });
  new ResizeObserver(() => view.length && fit()).observe(box);
  const near = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) {
      near.disconnect();
      show(0);
    }
  }, { rootMargin: '100% 0px' });
  near.observe(host);
})();
