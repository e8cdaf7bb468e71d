// Colours (system, light or dark; remembered in this browser) and buttons that copy.
// Loaded in the head, so that the first paint has the right colours already.
(() => {
  const KEY = "verticals.theme";
  const CHOICES = ["system", "light", "dark"];
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  const stored = () => {
    try {
      const choice = localStorage.getItem(KEY);
      return CHOICES.includes(choice) ? choice : "system";
    } catch {
      return "system"; // storage is switched off: follow the system
    }
  };

  const apply = (choice) => {
    const dark = choice === "dark" || (choice === "system" && system.matches);
    root.dataset.choice = choice;
    root.dataset.theme = dark ? "dark" : "light";
    window.Quasar?.Dark.set(dark);
    document.querySelectorAll("[data-theme-toggle]").forEach((button) => {
      button.setAttribute("aria-label", `Colours: ${choice}. Switch`);
      button.title = `Colours: ${choice}`;
    });
  };

  const copy = async (button) => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      // Only https and localhost have a clipboard: select the text, so that a key press copies it.
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      return;
    }
    button.dataset.copied = "";
    setTimeout(() => delete button.dataset.copied, 1500);
  };

  apply(stored());
  system.addEventListener("change", () => apply(stored()));
  addEventListener("storage", () => apply(stored()));
  addEventListener("load", () => apply(stored()));
  addEventListener("click", (event) => {
    const toggle = event.target.closest?.("[data-theme-toggle]");
    if (toggle) {
      const next = CHOICES[(CHOICES.indexOf(root.dataset.choice) + 1) % CHOICES.length];
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // not remembered, but switched
      }
      apply(next);
      return;
    }
    const button = event.target.closest?.("[data-copy]");
    if (button) copy(button);
  });
})();
