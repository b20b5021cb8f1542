"use strict";
// Asks the server every two seconds what it holds, and loads the report again when that is something else.
(() => {
  const frame = document.getElementById("report");
  const said = document.getElementById("said");
  let version = document.documentElement.dataset.version;

  const reload = () => {
    let place = [0, 0];
    try {
      place = [frame.contentWindow.scrollX, frame.contentWindow.scrollY];
    } catch {
      // what stands in the frame is not ours any more: it is loaded from its start
    }
    frame.addEventListener("load", () => frame.contentWindow.scrollTo(...place), { once: true });
    frame.src = "/report";
  };

  const look = async () => {
    try {
      const answer = await fetch("/state", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const state = await answer.json();
      const words = state.trials === 1 ? said.dataset.one : said.dataset.many;
      const at = state.at ? new Date(state.at).toLocaleTimeString() : "–";
      const text = words.replace("{n}", state.trials).replace("{time}", at);
      said.textContent = state.finished ? text : `${text} · ${said.dataset.going}`;
      said.className = "";
      if (state.version !== version) {
        version = state.version;
        reload();
      }
    } catch {
      said.textContent = said.dataset.lost;
      said.className = "lost";
    }
    setTimeout(look, document.hidden ? 10000 : 2000);
  };
  look();
})();
