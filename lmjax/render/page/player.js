"use strict";

// Each note of a score bears as data-sung its voice, the sixteenth with which it begins and that
// with which it ends; the first glyph in it is its head. Each piece is engraved twice, for wide and
// for narrow windows, and the style sheet shows one of the two.

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const HALF_HEAD = 106; // of a note, in the units of a score
const LEAD = 500; // of a line that goes on in the next system, in the same units
const BEYOND = 8; // pixels by which the cursor stands out above and below the staves
let active = null; // the player that was started last

class Player {
  constructor(piece) {
    const { seconds, bars, beats } = JSON.parse(piece.querySelector(".timing").textContent);
    this.seconds = seconds; // at which each sixteenth begins, and the end
    this.bars = bars; // sixteenths with which bars begin
    this.beats = beats; // [first sixteenth, number of the bar, beat]
    this.score = piece.querySelector(".score");
    this.cursor = piece.querySelector(".cursor");
    this.audio = piece.querySelector("audio");
    this.panel = piece.querySelector(".player");
    this.button = piece.querySelector(".play");
    this.slider = piece.querySelector(".seek");
    this.clock = piece.querySelector(".time");
    this.name = piece.querySelector("h2").textContent;
    this.engravings = [...this.score.querySelectorAll("svg")];
    this.notes = [...this.score.querySelectorAll("[data-sung]")].map((element) => {
      const [voice, from, to] = element.dataset.sung.split(" ").map(Number);
      return { element, voice, from, to, svg: element.ownerSVGElement,
        system: element.closest(".system"), head: element.querySelector("use") };
    });
    this.frame = -1; // the sixteenth that is shown
    this.system = null; // in which the cursor stands
    this.layouts = new Map();

    this.audio.controls = false;
    this.panel.hidden = false;
    this.say(0);
    this.button.addEventListener("click", () => this.toggle());
    this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
    this.score.addEventListener("click", (event) => this.seekTo(event));
    for (const link of piece.querySelectorAll(".faults a")) {
      this.mark(link.dataset);
      link.addEventListener("click", (event) => {
        event.preventDefault();
        const [before] = this.beats.findLast(([first]) => first < Number(link.dataset.frame));
        this.seek(this.seconds[before]);
        this.follow();
      });
    }
    this.audio.addEventListener("play", () => this.started());
    for (const name of ["pause", "ended"]) {
      this.audio.addEventListener(name, () => this.stopped());
    }
  }

  // Draws how two voices go into a fault: of each, a line from one note to the next, or from the
  // end of a system and into the next one.
  mark({ frame, voices }) {
    for (const svg of this.engravings) {
      const lines = voices.split(" ").map(Number).map((voice) => {
        const [a, b] = [frame - 1, Number(frame)].map((time) => this.notes.find((note) =>
          note.svg === svg && note.voice === voice && note.from <= time && time < note.to));
        const at = ({ head }) => `${head.x.baseVal.value + HALF_HEAD} ${head.y.baseVal.value}`;
        if (!a || !b) return "";
        return a.system === b.system ? `M${at(a)}L${at(b)}` : `M${at(a)}h${LEAD}M${at(b)}h${-LEAD}`;
      });
      const path = document.createElementNS(svg.namespaceURI, "path");
      path.setAttribute("class", "way");
      path.setAttribute("d", lines.join(""));
      svg.querySelector(".system").parentNode.append(path);
    }
  }

  toggle() {
    if (this.audio.paused) {
      this.audio.play().catch((error) => {
        if (error.name !== "AbortError") this.clock.textContent = "This browser plays no MP3";
      });
    } else {
      this.audio.pause();
    }
  }

  started() {
    if (active && active !== this) {
      active.audio.pause();
      active.panel.classList.remove("active");
    }
    active = this;
    this.panel.classList.add("active");
    this.label("Pause");
    this.show(this.audio.currentTime);
    this.follow();
    const tick = () => {
      if (this.audio.paused) return;
      this.show(this.audio.currentTime);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  stopped() {
    this.label("Play");
    this.show(this.audio.currentTime);
  }

  label(action) {
    this.panel.classList.toggle("playing", action === "Pause");
    this.button.setAttribute("aria-label", `${action} ${this.name}`);
  }

  seek(time) {
    const last = this.seconds.at(-1);
    this.audio.currentTime = Math.min(Math.max(time, 0), last);
    this.show(this.audio.currentTime);
  }

  // To the neighbouring one of some sixteenths. Back from just after one is to the one before, so
  // that one gets there while the music goes on.
  step(direction, places) {
    const now = this.audio.currentTime;
    const times = places.map((frame) => this.seconds[frame]);
    this.seek(direction > 0 ? times.find((time) => time > now + 0.01) ?? this.seconds.at(-1)
      : times.findLast((time) => time < now - (this.audio.paused ? 0.01 : 0.4)) ?? 0);
    this.follow();
  }

  // To a note or, between notes, to what sounds nearest to it in its system.
  seekTo(event) {
    const note = this.notes.find(({ element }) => element.contains(event.target));
    if (note) {
      this.seek(this.seconds[note.from]);
      return;
    }
    const { box, points } = this.layout();
    if (!points.length) return;
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    const off = (point) => Math.max(point.system.top - y, y - point.system.bottom, 0) * 1e3
      + Math.abs(point.x - x);
    this.seek(this.seconds[points.reduce((a, b) => (off(b) < off(a) ? b : a)).frame]);
  }

  // Where the systems and the onsets of the engraving that is seen stand, in pixels from its corner.
  layout() {
    const svg = this.engravings.find((one) => one.clientWidth);
    if (!svg) return { points: [] };
    const box = svg.getBoundingClientRect();
    const known = this.layouts.get(svg);
    if (known && known.width === box.width) return { ...known, box };
    const systems = new Map([...svg.querySelectorAll(".system")].map((element) => {
      const staves = [...element.querySelectorAll(".staff > path:first-child")]
        .map((lines) => lines.getBoundingClientRect());
      return [element, {
        element,
        top: Math.min(...staves.map((staff) => staff.top)) - box.top,
        bottom: Math.max(...staves.map((staff) => staff.bottom)) - box.top,
        right: Math.max(...staves.map((staff) => staff.right)) - box.left }];
    }));
    const onsets = new Map();
    for (const note of this.notes.filter((one) => one.svg === svg)) {
      const head = note.head.getBoundingClientRect();
      const x = head.left + head.width / 2 - box.left;
      if (x < (onsets.get(note.from)?.x ?? Infinity)) {
        onsets.set(note.from, { frame: note.from, x, system: systems.get(note.system) });
      }
    }
    const points = [...onsets.values()].sort((a, b) => a.frame - b.frame);
    const layout = { width: box.width, points };
    this.layouts.set(svg, layout);
    return { ...layout, box };
  }

  // Shows a time: in the slider, as a number, by the cursor, and by the notes that sound then.
  show(moment) {
    const frames = this.seconds.length - 1;
    const time = Math.min(moment, this.seconds[frames]); // the sound rings on after the end
    const frame = Math.min(Math.max(this.seconds.findLastIndex((start) => start <= time), 0),
      frames - 1);
    const part = (time - this.seconds[frame]) / (this.seconds[frame + 1] - this.seconds[frame]);
    this.place(frame, Math.min(part, 1));
    this.slider.value = time;
    this.slider.style.setProperty("--done", `${100 * time / this.seconds[frames]}%`);
    this.clock.textContent = `${minutes(time)} / ${minutes(this.seconds[frames])}`;
    if (frame === this.frame) return;
    this.frame = frame;
    // Those who hear the page and stand on the slider hear the music, too.
    if (this.audio.paused || document.activeElement !== this.slider) this.say(frame);
    for (const { element, from, to } of this.notes) {
      element.classList.toggle("sounding", from <= frame && frame < to);
    }
  }

  // Says in words where the slider stands.
  say(frame) {
    const [, bar, beat] = this.beats.findLast(([first]) => first <= frame);
    this.slider.setAttribute("aria-valuetext", `bar ${bar}, beat ${beat}`);
  }

  // Moves the cursor to a part of a sixteenth.
  place(frame, part) {
    const { points } = this.layout();
    if (!points.length) return;
    const index = Math.max(points.findLastIndex((point) => point.frame <= frame), 0);
    const here = points[index];
    const next = points[index + 1];
    const end = next?.system === here.system ? next.x : here.system.right;
    const length = (next?.frame ?? this.seconds.length - 1) - here.frame;
    const gone = calm.matches ? 0 : Math.max((frame + part - here.frame) / length, 0);
    this.cursor.hidden = false;
    this.cursor.style.height = `${here.system.bottom - here.system.top + 2 * BEYOND}px`;
    this.cursor.style.transform =
      `translate(${here.x + gone * (end - here.x)}px, ${here.system.top - BEYOND}px)`;
    if (here.system !== this.system) {
      const following = this.system && this.inView(this.system);
      this.system = here.system;
      if (following && !this.audio.paused) this.follow();
    }
  }

  inView({ element }) {
    const box = element.getBoundingClientRect();
    return box.bottom > this.panel.offsetHeight && box.top < innerHeight;
  }

  // Brings the system of the cursor into view where it is not all there.
  follow() {
    if (!this.system) return;
    const box = this.system.element.getBoundingClientRect();
    const above = this.panel.offsetHeight;
    if (box.top >= above && box.bottom <= innerHeight) return;
    scrollBy({
      top: box.top - above - Math.max((innerHeight - above - box.height) / 4, 0),
      behavior: calm.matches ? "auto" : "smooth" });
  }
}

function minutes(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

const players = new Map(
  [...document.querySelectorAll(".piece")].map((piece) => [piece, new Player(piece)]));

// Keys belong to the piece in which the focus is or, where it is nowhere, to the one that was started
// last; before any was, Space starts the first. Tables and links keep theirs.
document.addEventListener("keydown", (event) => {
  const nowhere = event.target === document.body;
  const first = event.key === " " ? players.values().next().value : undefined;
  const player = players.get(event.target.closest(".piece")) ?? (nowhere ? active ?? first : null);
  if (!player || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === " " && !event.target.closest("button")) {
    if (!event.repeat) player.toggle();
  } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    player.step(event.key === "ArrowRight" ? 1 : -1,
      event.shiftKey ? player.bars : player.beats.map(([frame]) => frame));
  } else {
    return;
  }
  event.preventDefault();
});

addEventListener("resize", () => {
  for (const player of players.values()) {
    if (!player.cursor.hidden) player.show(player.audio.currentTime);
  }
});
