/* The page's own script: theme and language, tables that sort, the section being read, and copies of code.
   It runs in the head, so that theme and language are set before anything is painted. */
'use strict';

(() => {
  const CHOICES = { theme: ['auto', 'light', 'dark'], language: ['en', 'zh'] };
  const ATTRIBUTE = { theme: 'theme', language: 'lang' };
  const NEXT_ORDER = { none: 'ascending', ascending: 'descending', descending: 'none' };
  const COPIED_MS = 2000;
  const root = document.documentElement;

  /* What the reader chose before. Storage may be refused, of a file above all. */
  const recall = (kind) => {
    try {
      const value = localStorage.getItem(`rerankbench-${kind}`);
      return CHOICES[kind].includes(value) ? value : null;
    } catch {
      return null;
    }
  };

  const remember = (kind, value) => {
    try {
      localStorage.setItem(`rerankbench-${kind}`, value);
    } catch {
      /* Then the choice holds for this page alone. */
    }
  };

  const initialLanguage = () => {
    if (!('langAuto' in root.dataset)) {
      return root.dataset.lang;
    }
    return /^zh\b/i.test(navigator.language) ? 'zh' : 'en';
  };

  const apply = (kind, value) => {
    root.dataset[ATTRIBUTE[kind]] = value;
    if (kind === 'language') {
      root.lang = value;
    }
  };

  root.dataset.js = '';
  apply('theme', recall('theme') ?? root.dataset.theme);
  apply('language', recall('language') ?? initialLanguage());

  /* Texts that are attributes, and the title, which is plain text: in the language of the page. */
  const showNames = () => {
    for (const element of document.querySelectorAll('[data-en][data-zh]')) {
      const text = element.dataset[root.dataset.lang];
      if (element === document.querySelector('title')) {
        document.title = text;
      } else {
        element.setAttribute(element.hasAttribute('alt') ? 'alt' : 'aria-label', text);
      }
    }
  };

  const showPressed = () => {
    for (const group of document.querySelectorAll('[data-choice]')) {
      const value = root.dataset[ATTRIBUTE[group.dataset.choice]];
      for (const button of group.querySelectorAll('button')) {
        button.setAttribute('aria-pressed', String(button.value === value));
      }
    }
  };

  const choose = (kind, value) => {
    apply(kind, value);
    remember(kind, value);
    showPressed();
    if (kind === 'language') {
      showNames();
      document.dispatchEvent(new CustomEvent('languagechange-report', { detail: value }));
    }
  };

  const setUpChoices = () => {
    showNames();
    showPressed();
    for (const group of document.querySelectorAll('[data-choice]')) {
      for (const button of group.querySelectorAll('button')) {
        button.addEventListener('click', () => choose(group.dataset.choice, button.value));
      }
    }
  };

  /* Sorting. A third click brings back the order in which the rows came. */
  const numberIn = (cell) => {
    const text = cell.dataset.value ?? cell.innerText;
    return Number.parseFloat(text.replaceAll(',', '').replace('\u2212', '-'));
  };

  const compareNumbers = (sign) => (a, b) => {
    if (Number.isNaN(a.key) || Number.isNaN(b.key)) {
      return Number(Number.isNaN(a.key)) - Number(Number.isNaN(b.key));
    }
    return sign * (a.key - b.key);
  };

  const compareTexts = (sign) => {
    const { compare } = new Intl.Collator(root.lang, { numeric: true });
    return (a, b) => sign * compare(a.key, b.key);
  };

  const sortBy = (heading, came) => {
    const order = NEXT_ORDER[heading.getAttribute('aria-sort') ?? 'none'];
    for (const other of heading.parentElement.cells) {
      other.removeAttribute('aria-sort');
    }
    const body = heading.closest('table').tBodies[0];
    if (order === 'none') {
      body.append(...came);
      return;
    }
    heading.setAttribute('aria-sort', order);
    const sign = order === 'ascending' ? 1 : -1;
    const isNumber = heading.dataset.sort === 'number';
    const keyed = came.map((row) => {
      const cell = row.cells[heading.cellIndex];
      return { row, key: isNumber ? numberIn(cell) : cell.innerText.trim() };
    });
    keyed.sort(isNumber ? compareNumbers(sign) : compareTexts(sign));
    body.append(...keyed.map(({ row }) => row));
  };

  const setUpTables = () => {
    for (const table of document.querySelectorAll('table')) {
      const headings = table.querySelectorAll('thead th[data-sort]');
      const came = headings.length ? [...table.tBodies[0].rows] : [];
      for (const heading of headings) {
        const button = document.createElement('button');
        button.type = 'button';
        button.append(...heading.childNodes);
        button.addEventListener('click', () => sortBy(heading, came));
        heading.append(button);
      }
    }
  };

  /* The contents: open beside the text, closed above it; the section being read is marked. */
  const setUpContents = () => {
    const contents = document.querySelector('nav details');
    if (!contents) {
      return;
    }
    const beside = matchMedia('(min-width: 72rem)');
    const settle = () => {
      contents.open = beside.matches;
    };
    settle();
    beside.addEventListener('change', settle);
    contents.addEventListener('click', (event) => event.target.closest('a') && settle());
    contents.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !beside.matches) {
        settle();
        contents.querySelector('summary').focus();
      }
    });
    contents.addEventListener('focusout', (event) => {
      if (!contents.contains(event.relatedTarget)) {
        settle();
      }
    });

    const links = new Map([...contents.querySelectorAll('a')].map((link) => [link.hash.slice(1), link]));
    const seen = new Set();
    const mark = () => {
      const first = [...links.keys()].find((id) => seen.has(id));
      for (const [id, link] of links) {
        if (id === first) {
          link.setAttribute('aria-current', 'location');
        } else if (first) {
          link.removeAttribute('aria-current');
        }
      }
    };
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        seen[entry.isIntersecting ? 'add' : 'delete'](entry.target.id);
      }
      mark();
    }, { rootMargin: '-64px 0px -60% 0px' });
    for (const id of links.keys()) {
      const section = document.getElementById(id);
      if (section) {
        watch.observe(section);
      }
    }
  };

  /* Copying. Where the clipboard is refused, the text is selected instead. */
  const copy = async (button) => {
    const block = button.closest('.code');
    const code = block.querySelector('code');
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      return;
    }
    const done = block.querySelector('.copied > span');
    done.hidden = false;
    setTimeout(() => {
      done.hidden = true;
    }, COPIED_MS);
  };

  const setUpCopies = () => {
    for (const button of document.querySelectorAll('button.copy')) {
      button.addEventListener('click', () => copy(button));
    }
  };

  document.addEventListener('DOMContentLoaded', () => {
    setUpChoices();
    setUpTables();
    setUpContents();
    setUpCopies();
  });
})();
