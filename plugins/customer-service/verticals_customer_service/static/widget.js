/* The chat widget: one script tag, no dependencies.
 *
 *   <script src="https://…/v1/customer-service/widget.js" defer></script>
 *
 * Attributes of the tag: data-lang (en, zh, ar; else the page's), data-theme (light, dark), data-accent (a colour), data-open.
 * What was said is kept by the server; the browser remembers the session's name and what was not sent yet. Every
 * turn is shown at the place of its offset, and once only, however often the connection is lost.
 */
(() => {
  "use strict";
  const script = document.currentScript;
  const BASE = script.src.replace(/\/widget\.js.*$/, "");
  const MEMORY = `verticals-chat:${BASE}`;
  const RETRY = [500, 1000, 2000, 4000, 8000, 15000];

  const WORDS = {/* the words of page_words.toml */};
  /** A word with what belongs in its {places}. */
  const fill = (word, given) => word.replace(/\{(\w+)\}/g, (_, name) => given[name]);

  const ICONS = {
    chat: "M4 5h16v11H9l-5 4V5z", close: "M6 6l12 12M18 6L6 18", send: "M12 20V5M5 12l7-7 7 7",
    person: "M12 12a4 4 0 100-8 4 4 0 000 8zM4 21c0-4 3.6-6 8-6s8 2 8 6", again: "M4 12a8 8 0 108-8H7m3-3L7 4l3 3",
    up: "M7 11v9H4v-9h3zm0 0l4-8c1.5 0 2.5 1 2.2 2.8L12.8 9H19c1 0 1.7 1 1.4 2l-2 7.5c-.2.9-1 1.5-1.9 1.5H7",
  };

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
  }

  /** An element with properties, attributes (those with a hyphen, and role) and children. */
  function h(tag, given = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(given)) {
      if (name.includes("-") || name === "role" || name === "part") made.setAttribute(name, value);
      else made[name] = value;
    }
    made.append(...children);
    return made;
  }

  /** Text whose addresses can be followed; never markup. */
  function linked(text) {
    const parts = text.split(/(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)/);
    return parts.map((part, at) => {
      if (at % 2 === 0) return document.createTextNode(part);
      const mail = !part.startsWith("http");
      return h("a", { href: mail ? `mailto:${part}` : part, target: mail ? "" : "_blank", rel: "noopener", textContent: part });
    });
  }

  /** Text in which the numbers of its sources, [1] for the first, are what `mark` makes of them. */
  function numbered(text, sources, mark) {
    return text.split(/\[(\d{1,2})\]/).flatMap((part, at) => {
      if (at % 2 === 0) return linked(part);
      return part >= 1 && part <= sources ? [mark(Number(part))] : [document.createTextNode(`[${part}]`)];
    });
  }

  const recall = () => {
    try { return JSON.parse(localStorage.getItem(MEMORY)) || {}; } catch { return {}; }
  };
  const remember = (what) => {
    try { localStorage.setItem(MEMORY, JSON.stringify(what)); } catch { /* a private window: the page remembers */ }
  };
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const unique = () => (crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random().toString(36).slice(2)}`);

  class Refused extends Error {
    constructor(status, problem) {
      super(problem.detail || problem.title || `HTTP ${status}`);
      this.status = status;
    }
  }

  async function call(path, body) {
    for (let attempt = 0; ; attempt += 1) {
      const answer = await fetch(BASE + path, body === undefined ? {} : {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
      });
      if (answer.ok) return answer.json();
      if (answer.status === 429 || answer.status === 503) {
        if (attempt < 5) {
          await pause(1000 * (Number(answer.headers.get("Retry-After")) || 1));
          continue;
        }
      }
      throw new Refused(answer.status, await answer.json().catch(() => ({})));
    }
  }

  class Chat extends HTMLElement {
    constructor() {
      super();
      const wished = script.dataset.lang || document.documentElement.lang || navigator.language || "";
      this.language = (/^[a-z]{2}(?![a-z])/.exec(wished.toLowerCase()) || ["en"])[0];
      this.words = WORDS[this.language] || WORDS.en;
      this.memory = recall();
      this.memory.outbox ||= [];
      this.turns = new Map(); // by offset
      this.unsent = new Map(); // by key
      this.heard = new Set(); // of messages that the server has
      this.seen = 0;
      this.unread = 0;
      this.flushing = false;
    }

    connectedCallback() {
      const root = this.attachShadow({ mode: "open" });
      const words = this.words;
      this.dir = script.dataset.dir || (this.language === "ar" ? "rtl" : document.documentElement.dir || "ltr");
      if (script.dataset.theme) this.setAttribute("data-theme", script.dataset.theme);
      if (script.dataset.accent) this.style.setProperty("--accent", script.dataset.accent);

      this.badge = h("span", { className: "badge", hidden: true });
      this.launcher = h("button", { className: "launcher", type: "button", "aria-label": words.open, "aria-expanded": "false" }, icon("chat"), this.badge);
      this.heading = h("h2", { id: "heading", textContent: document.title });
      this.person = h("button", { className: "person", type: "button" }, icon("person"), h("span", { textContent: words.person }));
      const again = h("button", { type: "button", className: "plain", title: words.again, "aria-label": words.again }, icon("again"));
      const close = h("button", { type: "button", className: "plain", title: words.close, "aria-label": words.close }, icon("close"));
      this.banner = h("p", { className: "banner", role: "status", hidden: true });
      this.log = h("div", { className: "log", role: "log", tabIndex: 0, "aria-label": words.conversation, "aria-live": "polite" });
      this.typing = h("div", { className: "turn assistant", hidden: true, role: "status", "aria-label": words.typing }, h("div", { className: "bubble dots" }, h("i"), h("i"), h("i")));
      this.area = h("textarea", { rows: 1, placeholder: words.write, enterKeyHint: "send", "aria-label": words.write });
      const send = h("button", { className: "send", type: "button", title: words.send, "aria-label": words.send }, icon("send"));
      this.panel = h("section", { className: "panel", hidden: true, role: "dialog", "aria-modal": "true", "aria-labelledby": "heading" },
        h("header", {}, this.heading, again, close),
        this.banner, this.log, h("footer", {}, this.person, this.area, send));
      this.quote = h("dialog", { className: "quote", "aria-label": words.source });
      root.append(h("style", { textContent: STYLE }), this.panel, this.launcher, this.quote);

      this.launcher.addEventListener("click", () => (this.panel.hidden ? this.open() : this.close()));
      close.addEventListener("click", () => this.close());
      again.addEventListener("click", () => this.restart());
      this.person.addEventListener("click", () => this.askForAPerson());
      send.addEventListener("click", () => this.submit());
      this.area.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          this.submit();
        }
      });
      this.area.addEventListener("input", () => this.fit());
      this.panel.addEventListener("keydown", (event) => this.keys(event));
      this.quote.addEventListener("click", (event) => event.target === this.quote && this.quote.close());
      window.addEventListener("online", () => this.flush());

      if (this.memory.session) this.restore();
      if ("open" in script.dataset || this.memory.open) this.open(false);
    }

    // Open and close

    async open(focus = true) {
      this.panel.hidden = false;
      this.launcher.setAttribute("aria-expanded", "true");
      this.launcher.setAttribute("aria-label", this.words.close);
      this.keep({ open: true });
      this.unread = 0;
      this.badge.hidden = true;
      if (focus) this.area.focus();
      this.down();
      await this.begin();
    }

    close() {
      this.panel.hidden = true;
      this.launcher.setAttribute("aria-expanded", "false");
      this.launcher.setAttribute("aria-label", this.words.open);
      this.keep({ open: false });
      this.launcher.focus();
    }

    keys(event) {
      if (event.key === "Escape") {
        event.stopPropagation();
        this.close();
      } else if (event.key === "Tab") {
        const stops = [...this.panel.querySelectorAll("button, input, textarea, a[href], [tabindex='0']")].filter((one) => !one.disabled && one.offsetParent);
        const at = this.shadowRoot.activeElement;
        const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
        if (at === edge) {
          event.preventDefault();
          (event.shiftKey ? stops[stops.length - 1] : stops[0]).focus();
        }
      }
    }

    keep(what) {
      Object.assign(this.memory, what);
      remember(this.memory);
    }

    // The session

    async begin() {
      if (this.about) return;
      try {
        this.about = await call(`/widget?language=${this.language}`);
      } catch {
        this.tell(this.words.offline);
        await pause(2000);
        return this.begin();
      }
      this.tell("");
      this.heading.textContent = this.about.title;
      this.welcome();
    }

    welcome() {
      const words = this.words;
      this.greeting = h("div", { className: "turn assistant" }, h("div", { className: "bubble" }, ...linked(this.about.greeting)));
      if (this.about.suggestions.length && !this.turns.size && !this.unsent.size) this.greeting.append(this.chips(this.about.suggestions, words.begin));
      this.log.prepend(this.greeting);
      this.down();
    }

    restart() {
      this.stream?.close();
      this.stream = null;
      this.keep({ session: null, outbox: [] });
      this.turns.clear();
      this.unsent.clear();
      this.seen = 0;
      this.status("");
      this.log.replaceChildren();
      if (this.about) this.welcome();
      this.area.focus();
    }

    async session() {
      if (!this.memory.session) {
        const started = await call("/sessions", { language: this.language });
        this.keep({ session: started.session });
        this.follow();
      }
      return this.memory.session;
    }

    async restore() {
      try {
        const state = await call(`/sessions/${this.memory.session}`);
        for (const turn of await call(`/sessions/${this.memory.session}/messages`)) this.show(turn, true);
        this.status(state.status, state.agent);
        for (const one of this.memory.outbox) this.pending(one);
        this.follow();
        this.flush();
      } catch (error) {
        if (error.status === 404) return this.restart();
        this.tell(this.words.offline);
        await pause(3000);
        return this.restore();
      }
    }

    /** Follow what happens; the browser joins again by itself, right after the last event it saw. */
    follow(attempt = 0) {
      if (this.stream || !this.memory.session) return;
      const stream = new EventSource(`${BASE}/sessions/${this.memory.session}/stream?after=${this.seen}`);
      this.stream = stream;
      stream.onopen = () => { attempt = 0; this.tell(""); };
      stream.onerror = () => {
        if (this.stream !== stream) return;
        this.tell(this.words.offline);
        if (stream.readyState === EventSource.CLOSED) {
          this.stream = null;
          setTimeout(() => this.follow(attempt + 1), RETRY[Math.min(attempt, RETRY.length - 1)]);
        }
      };
      stream.addEventListener("message", (event) => event.data && this.show(JSON.parse(event.data).turn));
      stream.addEventListener("status", (event) => this.stands(JSON.parse(event.data)));
    }

    /** How things stand at the moment. */
    stands({ standing, status, agent }) {
      this.status(status, agent);
      this.typingNow(standing === "typing");
      if (standing === "error") this.failed();
    }

    status(now, agent) {
      if (now === this.stood && now !== "taken") return; // what was told stays until something changes
      const words = this.words;
      const back = this.stood === "taken" && now === "open";
      const told = { waiting: words.waiting, taken: fill(words.here, { agent: agent || words.colleague }), resolved: words.resolved }[now] || (back ? words.back : "");
      this.stood = now;
      this.banner.textContent = told;
      this.banner.hidden = !told;
      this.person.hidden = now === "waiting" || now === "taken";
    }

    tell(told) {
      this.log.setAttribute("data-told", told);
      this.log.classList.toggle("told", Boolean(told));
    }

    // Messages

    submit() {
      const text = this.area.value.trim();
      if (!text) return;
      this.area.value = "";
      this.fit();
      this.say(text);
    }

    say(text) {
      if (this.stood === "open") this.banner.hidden = true;
      const one = { key: unique(), text };
      this.keep({ outbox: [...this.memory.outbox, one] });
      this.pending(one);
      this.flush();
    }

    pending(one) {
      if (this.unsent.has(one.key) || this.heard.has(one.key)) return;
      const turn = h("div", { className: "turn customer unsent" }, h("span", { className: "hidden", textContent: `${this.words.you}: ` }), h("div", { className: "bubble", textContent: one.text }));
      this.unsent.set(one.key, turn);
      this.greeting?.querySelector(".chips")?.remove();
      this.log.append(turn, this.typing);
      this.down();
    }

    /** Send what was not sent yet, in order; a message that was heard before is not heard twice, thanks to its key. */
    async flush() {
      if (this.flushing) return;
      this.flushing = true;
      try {
        for (let attempt = 0; this.memory.outbox.length;) {
          const one = this.memory.outbox[0];
          try {
            this.typingNow(true);
            const session = await this.session();
            const reply = await call(`/sessions/${session}/messages`, { text: one.text, key: one.key });
            this.sent(one);
            if (reply.action !== "silent") this.show({ offset: reply.offset, role: "assistant", text: reply.text, answer: reply });
            this.typingNow(false);
            attempt = 0;
          } catch (error) {
            this.typingNow(false);
            if (error instanceof Refused && error.status === 404) { // the session is gone: begin another
              this.stream?.close();
              this.stream = null;
              this.keep({ session: null });
            } else if (error instanceof Refused && error.status < 500 && error.status !== 429) {
              this.refused(one, error.message);
              continue;
            }
            this.unsent.get(one.key)?.setAttribute("data-told", this.words.unsent);
            await pause(RETRY[Math.min(attempt, RETRY.length - 1)]);
            attempt += 1;
          }
        }
      } finally {
        this.flushing = false;
      }
    }

    sent(one) {
      this.keep({ outbox: this.memory.outbox.filter((other) => other.key !== one.key) });
      const turn = this.unsent.get(one.key);
      turn?.classList.remove("unsent");
      turn?.removeAttribute("data-told");
    }

    refused(one, why) {
      this.keep({ outbox: this.memory.outbox.filter((other) => other.key !== one.key) });
      this.unsent.get(one.key)?.setAttribute("data-told", `${this.words.refused} ${why}`);
    }

    /** The latest message has no answer: say so, once, until the next one comes. */
    failed() {
      this.typingNow(false);
      if (!this.notice?.isConnected) {
        this.notice = h("p", { className: "notice", textContent: this.words.failed });
        this.log.append(this.notice);
        this.down();
      }
    }

    /** Show a turn at the place of its offset, once. */
    show(turn, quietly = false) {
      this.seen = Math.max(this.seen, turn.offset);
      this.greeting?.querySelector(".chips")?.remove();
      if (turn.key) this.heard.add(turn.key);
      if (this.turns.has(turn.offset) || (turn.role === "assistant" && !turn.text)) return;
      let shown;
      if (turn.role === "customer" && turn.key && this.unsent.has(turn.key)) {
        shown = this.unsent.get(turn.key);
        shown.classList.remove("unsent");
        shown.removeAttribute("data-told");
        this.unsent.delete(turn.key);
      } else shown = this.drawn(turn);
      shown.dataset.offset = turn.offset;
      this.turns.set(turn.offset, shown);
      const later = [...this.log.children].find((other) => Number(other.dataset.offset) > turn.offset);
      const pending = later || [...this.log.children].find((other) => other.classList.contains("unsent") && other !== shown);
      const answers = turn.role !== "customer";
      if (!later && answers) this.log.insertBefore(shown, this.typing.parentNode === this.log ? this.typing : null);
      else this.log.insertBefore(shown, pending || (this.typing.parentNode === this.log ? this.typing : null));
      if (answers) {
        this.typingNow(false);
        this.notice?.remove();
      }
      if (!quietly && answers && this.panel.hidden) {
        this.unread += 1;
        this.badge.textContent = this.unread;
        this.badge.hidden = false;
        this.launcher.setAttribute("aria-label", `${this.words.open}, ${fill(this.words.more, { count: this.unread })}`);
      }
      this.down();
    }

    drawn(turn) {
      const words = this.words;
      const who = turn.role === "customer" ? words.you : turn.agent || words.assistant;
      const cited = turn.answer?.citations || [];
      const bubble = h("div", { className: "bubble" }, ...numbered(turn.text, cited.length, (number) => this.mark(number, cited[number - 1])));
      const drawn = h("div", { className: `turn ${turn.role === "customer" ? "customer" : "assistant"}` }, h("span", { className: turn.role === "agent" ? "who" : "hidden", textContent: turn.role === "agent" ? who : `${who}: ` }), bubble);
      const answer = turn.answer;
      if (!answer) return drawn;
      if (answer.offers?.length) drawn.append(this.chips(answer.offers, words.topics));
      const below = h("div", { className: "below" });
      if (answer.citations?.length) {
        below.append(h("span", { className: "sources", role: "group", "aria-label": words.sources },
          ...answer.citations.map((one, at) => {
            const cited = h("button", { type: "button", className: "source", "aria-haspopup": "dialog" }, h("b", { textContent: at + 1 }), h("span", { textContent: one.title || one.id }));
            cited.addEventListener("click", () => this.cite(one));
            return cited;
          })));
      }
      if (!["smalltalk", "handover"].includes(answer.action)) below.append(this.thumbs(turn));
      drawn.append(below);
      return drawn;
    }

    chips(texts, label) {
      const row = h("div", { className: "chips", role: "group", "aria-label": label });
      for (const text of texts) {
        const chip = h("button", { type: "button", textContent: text });
        chip.addEventListener("click", () => { this.say(text); this.area.focus(); });
        row.append(chip);
      }
      return row;
    }

    thumbs(turn) {
      const words = this.words;
      const row = h("span", { className: "thumbs", role: "group", "aria-label": words.helpful });
      let asked = null;
      for (const [name, label] of [["up", words.helped], ["down", words.helpless]]) {
        const button = h("button", { type: "button", className: `plain ${name}`, title: label, "aria-label": label, "aria-pressed": String(turn.feedback === name) }, icon("up"));
        button.addEventListener("click", async () => {
          await this.rate(turn, { thumb: name });
          for (const other of row.children) other.setAttribute("aria-pressed", String(other === button));
          asked?.remove();
          asked = name === "down" ? this.wrong(turn) : null;
          if (asked) {
            row.closest(".turn").append(asked);
            asked.scrollIntoView({ block: "nearest" });
          }
        });
        row.append(button);
      }
      return row;
    }

    rate(turn, feedback) {
      return call(`/sessions/${this.memory.session}/feedback`, { offset: turn.offset, ...feedback }).catch(() => {});
    }

    /** What was wrong: a reason is noted at once, a line when it is sent; who goes on writing passes it over. */
    wrong(turn) {
      const words = this.words;
      const asked = h("form", { className: "wrong", role: "group", "aria-label": words.wrong });
      const told = { thumb: "down" };
      const reasons = h("div", { className: "chips" });
      for (const reason of ["question", "answer", "unclear", "other"]) {
        const button = h("button", { type: "button", textContent: words[`wrong_${reason}`], "aria-pressed": "false" });
        button.addEventListener("click", () => {
          told.wrong = reason;
          for (const other of reasons.children) other.setAttribute("aria-pressed", String(other === button));
          this.rate(turn, told);
        });
        reasons.append(button);
      }
      const line = h("input", { type: "text", maxLength: this.about?.longest || 2000, placeholder: words.comment, "aria-label": words.comment });
      asked.append(h("span", { className: "notice", textContent: words.wrong }), reasons,
        h("div", { className: "comment" }, line, h("button", { className: "person", textContent: words.send })));
      asked.addEventListener("submit", (event) => {
        event.preventDefault();
        this.rate(turn, { ...told, comment: line.value.trim() });
        const within = asked.contains(this.shadowRoot.activeElement);
        asked.replaceChildren(h("span", { className: "notice", role: "status", textContent: words.thanks }));
        if (within) this.area.focus();
      });
      return asked;
    }

    /** The number of a source within the text, which opens it. */
    mark(number, one) {
      const mark = h("button", { type: "button", className: "mark", textContent: number, "aria-haspopup": "dialog", "aria-label": fill(this.words.source_number, { number, title: one.title || one.id }) });
      mark.addEventListener("click", () => this.cite(one));
      return mark;
    }

    /** The quoted passage within its article; offsets count characters, which may be two units of a JavaScript string. */
    cite(one) {
      const signs = [...one.text];
      const [from, to] = one.span || [0, 0];
      const text = h("p", {}, signs.slice(0, from).join(""), h("mark", { textContent: signs.slice(from, to).join("") }), signs.slice(to).join(""));
      const close = h("button", { type: "button", className: "person", textContent: this.words.done });
      close.addEventListener("click", () => this.quote.close());
      this.quote.replaceChildren(h("h3", { textContent: one.title || one.id }), text, h("footer", {}, h("small", { textContent: one.source }), close));
      this.quote.showModal();
      text.querySelector("mark").scrollIntoView({ block: "center" });
    }

    async askForAPerson() {
      this.person.disabled = true;
      try {
        const state = await call(`/sessions/${await this.session()}/handover`, {});
        this.status(state.status, state.agent);
      } catch (error) {
        this.tell(error.message);
      } finally {
        this.person.disabled = false;
        this.area.focus();
      }
    }

    typingNow(on) {
      this.typing.hidden = !on;
      if (on && this.typing.parentNode !== this.log) this.log.append(this.typing);
      if (on) this.down();
    }

    fit() {
      this.area.style.height = "auto";
      this.area.style.height = `${Math.min(this.area.scrollHeight, 140)}px`;
    }

    down() {
      requestAnimationFrame(() => { this.log.scrollTop = this.log.scrollHeight; });
    }
  }

  const STYLE = `
    :host {
      --accent: #14532d; --on-accent: #fff; --paper: #fff; --ink: #1c1917; --soft: #f5f4f1; --line: #e3e0da; --muted: #6b665e;
      position: fixed; inset-block-end: 1.25rem; inset-inline-end: 1.25rem; z-index: 2147483000;
      font: 400 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", "Microsoft YaHei", sans-serif;
      color-scheme: light;
    }
    @media (prefers-color-scheme: dark) {
      :host(:not([data-theme="light"])) { --accent: #86d3a1; --on-accent: #0c2014; --paper: #1b1c1b; --ink: #f0efec; --soft: #262826; --line: #383a38; --muted: #a5a39d; color-scheme: dark; }
    }
    :host([data-theme="dark"]) { --accent: #86d3a1; --on-accent: #0c2014; --paper: #1b1c1b; --ink: #f0efec; --soft: #262826; --line: #383a38; --muted: #a5a39d; color-scheme: dark; }
    * { box-sizing: border-box; }
    [hidden] { display: none !important; }
    .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    button, textarea { font: inherit; color: inherit; }
    button { cursor: pointer; border: 0; background: none; padding: 0; }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    svg { width: 1.25rem; height: 1.25rem; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; display: block; }
    .launcher { width: 3.5rem; height: 3.5rem; border-radius: 50%; background: var(--accent); color: var(--on-accent); display: grid; place-items: center; margin-inline-start: auto; box-shadow: 0 6px 24px rgb(0 0 0 / .22); position: relative; transition: transform 150ms; }
    .launcher:hover { transform: translateY(-2px); }
    .launcher svg { width: 1.6rem; height: 1.6rem; }
    .badge { position: absolute; inset-block-start: -.2rem; inset-inline-end: -.2rem; min-width: 1.35rem; height: 1.35rem; padding: 0 .3rem; border-radius: 1rem; background: #b42318; color: #fff; font-size: .75rem; font-weight: 650; display: grid; place-items: center; }
    .panel { display: flex; flex-direction: column; width: min(24rem, calc(100vw - 2.5rem)); height: min(40rem, calc(100dvh - 7rem)); margin-block-end: .875rem; background: var(--paper); color: var(--ink); border: 1px solid var(--line); border-radius: 1.125rem; overflow: hidden; box-shadow: 0 18px 60px rgb(0 0 0 / .24); animation: rise 180ms ease-out; }
    header { display: flex; align-items: center; gap: .35rem; padding: .8rem .8rem .8rem 1.1rem; border-block-end: 1px solid var(--line); }
    h2 { flex: 1; min-width: 0; margin: 0; font-size: 1.02rem; font-weight: 650; letter-spacing: -.01em; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
    .person { display: inline-flex; align-items: center; gap: .4rem; padding: .36rem .75rem; border: 1px solid var(--line); border-radius: 2rem; font-size: .82rem; font-weight: 550; white-space: nowrap; }
    .person svg { width: 1rem; height: 1rem; }
    .person:hover, .chips button:hover, .source:hover { border-color: var(--accent); }
    .plain { display: grid; place-items: center; width: 2.1rem; height: 2.1rem; border-radius: .6rem; color: var(--muted); }
    .plain:hover { background: var(--soft); color: var(--ink); }
    .banner { margin: 0; padding: .6rem 1.1rem; background: var(--soft); border-block-end: 1px solid var(--line); font-size: .86rem; color: var(--muted); }
    .log { flex: 1; overflow-y: auto; overscroll-behavior: contain; scrollbar-width: thin; display: flex; flex-direction: column; gap: .9rem; padding: 1.1rem; }
    .log > :first-child { margin-block-start: auto; }
    .log.told::after, .unsent[data-told]::after, .turn[data-told]::after { content: attr(data-told); color: var(--muted); font-size: .78rem; }
    .log.told::after { text-align: center; }
    .turn { display: flex; flex-direction: column; align-items: flex-start; gap: .4rem; animation: rise 160ms ease-out; }
    .turn.customer { align-items: flex-end; }
    .bubble { max-width: 88%; padding: .6rem .9rem; border-radius: 1.05rem; white-space: pre-line; overflow-wrap: anywhere; }
    .assistant .bubble { background: var(--soft); border-end-start-radius: .3rem; }
    .customer .bubble { background: var(--accent); color: var(--on-accent); border-end-end-radius: .3rem; }
    .unsent .bubble { opacity: .65; }
    .bubble a { color: inherit; text-underline-offset: 3px; }
    .who { font-size: .78rem; font-weight: 600; color: var(--muted); }
    .below { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem .4rem; max-width: 100%; }
    .mark { min-width: 1.2rem; height: 1.2rem; margin-inline-start: .15rem; padding: 0 .25rem; border-radius: 1rem; background: var(--paper); border: 1px solid var(--line); color: var(--ink); font-size: .7rem; line-height: 1; vertical-align: .12em; }
    .mark:hover { border-color: var(--accent); }
    .sources { display: contents; }
    .source { display: inline-flex; align-items: center; gap: .4rem; max-width: 14rem; padding: .18rem .6rem .18rem .22rem; border: 1px solid var(--line); border-radius: 2rem; font-size: .79rem; color: var(--muted); }
    .source b { flex: none; display: grid; place-items: center; width: 1.25rem; height: 1.25rem; border-radius: 50%; background: var(--soft); color: var(--ink); font-size: .7rem; }
    .source span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .thumbs { display: inline-flex; }
    .thumbs .plain { width: 1.9rem; height: 1.9rem; }
    .thumbs svg { width: 1rem; height: 1rem; }
    .thumbs .down svg { transform: rotate(180deg); }
    .thumbs [aria-pressed="true"] { color: var(--accent); background: var(--soft); }
    .wrong { display: flex; flex-direction: column; align-items: flex-start; gap: .4rem; width: 100%; scroll-margin-block: 1rem; }
    .wrong [aria-pressed="true"] { background: var(--soft); border-color: var(--accent); }
    .comment { display: flex; gap: .4rem; width: 100%; max-width: 20rem; }
    .comment input { flex: 1; min-width: 0; padding: .3rem .75rem; border: 1px solid var(--line); border-radius: 2rem; background: var(--paper); color: inherit; font: inherit; font-size: .86rem; }
    .comment input::placeholder, textarea::placeholder { color: var(--muted); opacity: 1; }
    .chips { display: flex; flex-wrap: wrap; gap: .4rem; }
    .chips button { padding: .36rem .8rem; border: 1px solid var(--line); border-radius: 2rem; font-size: .86rem; text-align: start; }
    .chips button::first-letter { text-transform: uppercase; }
    .notice { margin: 0; font-size: .84rem; color: var(--muted); text-align: center; }
    .dots { display: flex; gap: .3rem; padding: .85rem .95rem; }
    .dots i { width: .42rem; height: .42rem; border-radius: 50%; background: var(--muted); animation: blink 1.2s infinite; }
    .dots i:nth-child(2) { animation-delay: .15s; } .dots i:nth-child(3) { animation-delay: .3s; }
    footer { display: flex; flex-wrap: wrap; align-items: flex-end; gap: .5rem; padding: .6rem .7rem .7rem; border-block-start: 1px solid var(--line); }
    .panel > footer > .person { margin-inline-end: 100%; border-color: transparent; color: var(--muted); padding-inline: .5rem; }
    .panel > footer > .person:hover { color: var(--ink); }
    textarea { flex: 1; min-width: 0; resize: none; padding: .55rem .85rem; border: 1px solid var(--line); border-radius: 1.1rem; background: var(--paper); max-height: 140px; line-height: 1.4; }
    .send { flex: none; width: 2.45rem; height: 2.45rem; border-radius: 50%; background: var(--accent); color: var(--on-accent); display: grid; place-items: center; }
    .quote { max-width: min(34rem, 92vw); max-height: 80dvh; padding: 1.3rem 1.4rem; border: 1px solid var(--line); border-radius: 1rem; background: var(--paper); color: var(--ink); box-shadow: 0 18px 60px rgb(0 0 0 / .3); }
    .quote::backdrop { background: rgb(0 0 0 / .4); }
    .quote h3 { margin: 0 0 .6rem; font-size: 1.05rem; }
    .quote p { margin: 0; white-space: pre-line; }
    .quote mark { background: color-mix(in srgb, var(--accent) 22%, transparent); color: inherit; border-radius: .2rem; }
    .quote footer { flex-wrap: nowrap; padding: 1rem 0 0; border: 0; align-items: center; justify-content: space-between; }
    .quote small { color: var(--muted); }
    @keyframes rise { from { opacity: 0; transform: translateY(6px); } }
    @keyframes blink { 0%, 60%, 100% { opacity: .3; } 30% { opacity: 1; } }
    @media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
    @media (max-width: 30rem) {
      :host { inset-block-end: .9rem; inset-inline-end: .9rem; }
      .panel { position: fixed; inset: 0; width: 100vw; height: 100dvh; margin: 0; border: 0; border-radius: 0; z-index: 1; }
    }
  `;

  customElements.define("verticals-chat", Chat);
  const mount = () => document.body.append(document.createElement("verticals-chat"));
  if (document.body) mount();
  else document.addEventListener("DOMContentLoaded", mount);
})();
