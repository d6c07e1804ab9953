"use strict";
// The browser shows a <title> after a while and only to a mouse: here it stands at the pointer at once, to a finger as well.
{
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  for (const title of document.querySelectorAll(".hit > title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  let shown = null;
  const show = (event) => {
    const hit = event.target.closest?.(".hit") ?? null;
    if (hit !== shown) {
      shown?.classList.remove("on");
      hit?.classList.add("on");
      shown = hit;
      tip.hidden = hit === null;
      if (hit !== null) tip.textContent = hit.dataset.tip;
    }
    if (hit === null) return;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    const above = event.clientY - tip.offsetHeight - 16;
    tip.style.left = `${Math.max(8, Math.min(room, event.clientX - tip.offsetWidth / 2))}px`;
    tip.style.top = `${above < 8 ? event.clientY + 24 : above}px`;
  };
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("scroll", () => {
    shown?.classList.remove("on");
    shown = null;
    tip.hidden = true;
  }, { passive: true });
}
