/* The layers in space on the page: hands and keys, the clock, and the names over the drawing. A frame is drawn when something
 * has changed and at no other time. What a click means is the caller's: space.view(stage, told), with
 * told.ramp, layer, channel, hover, leave, say, opened, touched, answers and caption. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const space = (nnvis.space = nnvis.space || {});

  const TURN = 0.008; // radians a pixel
  const SPIN = 0.42; // radians a second
  const STILL = 4; // pixels that a click may move
  const REBIRTH = 4000; // milliseconds that a lost context is waited for
  const SLOW = 36; // milliseconds: frames that take longer are drawn with fewer pixels while it moves
  const QUICK = 20;
  const COARSEST = 0.5;
  const CARDS = { webgl2: 10, "2d": 4 }; // of a stack, at most
  const FONT = '"Inter", "Segoe UI", "DejaVu Sans", "Helvetica Neue", Arial, sans-serif';
  const ACCENT = "#7cbcff";

  space.view = function (stage, told) {
    const names = document.createElement("canvas");
    names.className = "space-names";
    let canvas = null;
    let drawing = null;
    let camera = null;
    let scene = null;
    let [width, height, ratio] = [0, 0, 1];
    let frame = 0;
    let last = 0; // time of the frame before, 0 after a rest
    let spinning = false;
    let dirty = true;
    let touched = false; // the person has moved the camera: nothing moves it but what is asked for
    let hovered = null; // {layer, channel}
    let spots = []; // where names stand: {layer, left, top, right, bottom}
    let coarse = 1; // what it is drawn with while it moves
    let fine = 1; // share of the stage's pixels that is drawn along a side
    const gaps = []; // milliseconds between frames that followed each other
    const pointers = new Map();
    let gesture = null;
    const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

    /* ---- the drawing ---- */

    function begin(flat) {
      const old = camera && camera.now;
      if (canvas) canvas.remove();
      canvas = document.createElement("canvas");
      canvas.className = "space-drawing";
      stage.prepend(canvas);
      drawing = null;
      if (!flat) {
        try {
          drawing = space.webgl(canvas, told.ramp);
        } catch (problem) {
          console.warn("WebGL2 can't be used: " + problem.message);
        }
        if (!drawing) {
          canvas.remove(); // a canvas that was asked for one kind of context gives no other
          canvas = document.createElement("canvas");
          canvas.className = "space-drawing";
          stage.prepend(canvas);
        }
      }
      if (!drawing) drawing = space.flat(canvas, told.ramp);
      stage.dataset.drawing = drawing.kind;
      camera = space.camera(drawing.kind === "2d");
      if (old) camera.jump(old);
      canvas.addEventListener("webglcontextlost", lost);
      canvas.addEventListener("webglcontextrestored", restored);
      told.say(drawing.kind === "2d" ? "flat" : "");
      [width, height] = [0, 0];
      resize();
    }

    let waiting = 0;
    function lost(event) {
      event.preventDefault(); // else it never comes back
      stage.dataset.lost = "1";
      told.say("lost");
      waiting = setTimeout(() => {
        delete stage.dataset.lost;
        begin(true);
      }, REBIRTH);
    }

    function restored() {
      clearTimeout(waiting);
      delete stage.dataset.lost;
      drawing.restore();
      told.say("");
      touch();
    }

    function resize() {
      const box = stage.getBoundingClientRect();
      const sharp = Math.min(2, window.devicePixelRatio || 1);
      if (!box.width || !box.height) return false;
      if (box.width === width && box.height === height && sharp === ratio) return true;
      const before = width / height;
      [width, height, ratio] = [box.width, box.height, sharp];
      names.width = Math.round(width * ratio);
      names.height = Math.round(height * ratio);
      sharpen(1);
      camera.resize(width, height);
      if (scene && !touched && Math.abs(before - width / height) > 0.02) arrange();
      touch();
      return true;
    }

    /* Lay the layers out for the stage as wide and high as it is. */
    function arrange() {
      scene.arrange(camera, margins(), Math.min(2.6, Math.max(0.7, width / height)));
      scene.settle();
      fit(true);
    }

    function sharpen(share) {
      const [w, h] = [Math.round(width * ratio * share), Math.round(height * ratio * share)];
      fine = share;
      if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    }

    function touch() {
      dirty = true;
      wake();
    }

    function wake() {
      if (!frame && stage.isConnected) frame = requestAnimationFrame(tick);
    }

    function tick(time) {
      frame = 0;
      if (!scene || !resize()) return (last = 0);
      const seconds = last ? Math.min(0.1, (time - last) / 1000) : 1 / 60;
      if (last) note(time - last);
      if (spinning) camera.turn(SPIN * seconds, 0);
      const flying = camera.step(seconds);
      const moving = scene.step(seconds);
      const going = spinning || flying || moving || (gesture && gesture.moved > STILL);
      const draws = dirty || spinning || flying || moving || (!going && fine < 1);
      if (draws) {
        dirty = false;
        sharpen(going ? coarse : 1);
        drawing.draw(scene, camera, ratio * fine, hovered ? hovered.layer.number : -1);
        write();
        stage.dataset.frames = Number(stage.dataset.frames || 0) + 1;
        stage.dataset.share = fine.toFixed(2);
      }
      last = draws && going ? time : 0; // the next frame tells how long this one took
      if (last) {
        delete stage.dataset.still;
        wake();
      } else stage.dataset.still = "1";
    }

    function note(milliseconds) {
      gaps.push(milliseconds);
      if (gaps.length > 40) gaps.shift();
      if (gaps.length < 8 || Number(stage.dataset.frames) % 8) return;
      const middle = [...gaps].sort((a, b) => a - b)[gaps.length >> 1];
      stage.dataset.fps = (1000 / middle).toFixed(1);
      if (middle > SLOW) coarse = Math.max(COARSEST, coarse * 0.8);
      else if (middle < QUICK) coarse = Math.min(1, coarse * 1.1);
    }

    /* ---- names over the drawing ---- */

    function write() {
      const pen = names.getContext("2d");
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      pen.textAlign = "center";
      pen.textBaseline = "top";
      pen.lineJoin = "round";
      pen.lineWidth = 3;
      pen.strokeStyle = "rgba(13,18,28,0.75)";
      spots = [];
      captions(pen);
      best(pen);
      pen.textAlign = "center";
      const layers = scene.layers;
      const rank = (layer) =>
        (hovered && hovered.layer === layer ? 16 : 0) + (layer.opening ? 8 : 0) + (layer.marked ? 4 : 0) +
        (layer.input || layer.number === layers.length - 1 ? 2 : 0) + (layer.stage ? 1 : 0); // prettier-ignore
      for (const layer of [...layers].sort((a, b) => rank(b) - rank(a) || a.number - b.number)) {
        const open = layer.open > 0.5 && !layer.input;
        const tall = open ? layer.grid.h * layer.grid.rows : layer.face.h;
        const [x, y, away, scale] = camera.project([layer.at[0], layer.at[1] - tall / 2, layer.at[2]]);
        const rows = [layer.short + (layer.frozen.size ? ` · ${layer.frozen.size} frozen` : "")];
        const strong = rank(layer) >= 4;
        if (!rank(layer) && scale * layer.face.h < 46) continue;
        if (strong || scale * layer.face.h > 56) rows.push(layer.size + (open ? "  ×" : ""));
        pen.font = (strong ? "600 " : "") + "11px " + FONT;
        const wide = Math.max(...rows.map((row) => pen.measureText(row).width)) + 8;
        const spot = { layer, left: x - wide / 2, right: x + wide / 2, top: y + 3, bottom: y + 5 + 13 * rows.length };
        if (spot.right < 0 || spot.left > width || spot.top > height || spot.bottom < 0 || away < 0) continue;
        if (spots.some((o) => o.left < spot.right && spot.left < o.right && o.top < spot.bottom && spot.top < o.bottom)) continue;
        spots.push(spot);
        if (strong) {
          pen.fillStyle = "rgba(13,18,28,0.78)";
          pen.beginPath();
          pen.roundRect(spot.left, spot.top, wide, spot.bottom - spot.top, 4);
          pen.fill();
        }
        rows.forEach((row, i) => {
          pen.fillStyle = layer.marked && !i ? ACCENT : i ? "#8d9ab0" : strong ? "#ffffff" : "#c3ccda";
          if (!strong) pen.strokeText(row, x, spot.top + 1 + 13 * i);
          pen.fillText(row, x, spot.top + 1 + 13 * i);
        });
      }
    }

    /* What the channels of the open layers are called, where they are large enough. */
    function captions(pen) {
      pen.textAlign = "left";
      pen.font = "10px " + FONT;
      for (const layer of scene.layers) {
        if (layer.open < 0.98) continue;
        const { right } = scene.directions(layer);
        const { w, h } = layer.grid;
        for (let rank = 0; rank < layer.channels; rank += 1) {
          const at = scene.cell(layer, rank, right);
          const [x, y, away, scale] = camera.project([at[0] - right[0] * w * 0.43, at[1] - h * 0.43, at[2] - right[2] * w * 0.43]);
          if (scale * Math.min(w, h) < 40) break; // all of them are as large
          if (away < 0 || x < -99 || x > width || y < 0 || y > height + 20) continue;
          const text = told.caption(layer, layer.order ? layer.order[rank] : rank);
          if (pen.measureText(text).width > scale * w) continue;
          pen.strokeText(text, x, y - 11);
          pen.fillStyle = "#ffffff";
          pen.fillText(text, x, y - 11);
        }
      }
    }

    /* What the last layer answers, beside it. */
    function best(pen) {
      const end = scene.layers[scene.layers.length - 1];
      const answers = told.answers();
      if (!end || !answers.length || end.open > 0.3) return;
      const [x, y] = camera.project([end.at[0], end.at[1] + end.face.h / 2, end.at[2]]);
      pen.font = "600 11px " + FONT;
      const wide = Math.max(...answers.map((one) => pen.measureText(one.name + "  " + one.share).width));
      const left = Math.min(x + 16, width - 14 - wide);
      if (left < x - 20 || y > height - 60 || y < 0) return;
      spots.push({ layer: end, left, right: left + wide + 8, top: y - 6, bottom: y - 2 + 15 * answers.length });
      pen.textAlign = "left";
      answers.forEach(({ name, share, colour }, i) => {
        const top = y - 4 + 15 * i;
        pen.fillStyle = colour;
        pen.fillRect(left, top + 2, 3, 11);
        pen.font = (i ? "" : "600 ") + "11px " + FONT;
        pen.fillStyle = i ? "#aab4c4" : "#ffffff";
        pen.fillText(name + "  " + share, left + 7, top + 1);
      });
    }

    /* ---- where to look from ---- */

    /* Room around what is shown: for names, and for the answers beside the last layer. */
    const margins = (some) => [16 / width, (some ? 16 : 96) / width, 16 / height, (some ? 44 : 36) / height];

    function fit(at_once, some) {
      const [yaw, pitch] = [space.YAW, space.PITCH];
      const turned = camera.now.yaw - yaw;
      const where = { ...camera.fitted(scene.corners(some), yaw, pitch, margins(some)), yaw: yaw + 2 * Math.PI * Math.round(turned / (2 * Math.PI)), pitch };
      if (at_once || calm()) camera.jump(where);
      else camera.aim(where);
      touch();
    }

    function toggle(layer) {
      if (layer.input) return;
      scene.setOpen(layer, !layer.opening);
      told.opened(layer.name, Boolean(layer.opening));
      if (calm()) scene.settle();
      const opened = scene.layers.filter((one) => one.opening);
      if (layer.opening) fit(false, [layer]);
      else fit(false, opened.length ? opened : null);
    }

    function collapse() {
      for (const layer of scene.layers) {
        if (!layer.opening) continue;
        scene.setOpen(layer, false);
        told.opened(layer.name, false);
      }
      if (calm()) scene.settle();
      fit(false);
    }

    /* ---- hands ---- */

    const spotAt = (x, y) => spots.find((s) => x >= s.left && x <= s.right && y >= s.top && y <= s.bottom);
    function under(event) {
      const box = stage.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      const name = spotAt(x, y);
      if (name) return { layer: name.layer, channel: -1, name: true };
      return scene ? scene.pick(camera.ray(x, y)) : null;
    }

    function hover(found, event) {
      const same = (a, b) => (!a && !b) || (a && b && a.layer === b.layer && a.channel === b.channel);
      if (same(found, hovered)) return;
      if (hovered) hovered.layer.hovered = -2;
      hovered = found;
      if (found) found.layer.hovered = found.channel;
      if (scene) scene.changed();
      stage.style.cursor = found && !found.layer.input ? "pointer" : "";
      if (found) told.hover(found.layer, found.channel, event);
      else told.leave();
      touch();
    }

    function down(event) {
      if (event.button > 2) return;
      stage.focus({ preventScroll: true });
      stage.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, [event.clientX, event.clientY]);
      const pan = event.button !== 0 || event.shiftKey || event.ctrlKey;
      gesture = { moved: 0, pan, spread: spread() };
      told.touched();
      event.preventDefault();
    }

    function spread() {
      const [a, b] = [...pointers.values()];
      return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
    }

    function move(event) {
      if (!scene) return;
      if (!pointers.has(event.pointerId)) return hover(under(event), event);
      const [x, y] = pointers.get(event.pointerId);
      const [dx, dy] = [event.clientX - x, event.clientY - y];
      pointers.set(event.pointerId, [event.clientX, event.clientY]);
      gesture.moved += Math.abs(dx) + Math.abs(dy);
      if (gesture.moved <= STILL) return;
      hover(null);
      touched = true;
      if (pointers.size > 1) {
        const box = stage.getBoundingClientRect();
        const now = spread();
        camera.zoom(gesture.spread / Math.max(1, now), event.clientX - box.left, event.clientY - box.top);
        camera.pan(dx / 2, dy / 2);
        gesture.spread = now;
      } else if (gesture.pan) camera.pan(dx, dy);
      else camera.turn(dx * TURN, dy * TURN * 0.8);
      touch();
    }

    function up(event) {
      if (!pointers.delete(event.pointerId) || !gesture) return;
      const still = gesture.moved <= STILL;
      if (!pointers.size) gesture = null;
      touch(); // in full again
      if (!still || event.type !== "pointerup" || event.button > 0) return;
      const found = under(event);
      if (!found) return;
      if (found.channel >= 0) told.channel(found.layer, found.channel, event);
      else if (!found.layer.input) {
        told.layer(found.layer.name);
        toggle(found.layer);
      }
    }

    function wheel(event) {
      event.preventDefault();
      if (!scene) return;
      touched = true;
      const box = stage.getBoundingClientRect();
      const pixels = event.deltaY * (event.deltaMode === 1 ? 32 : event.deltaMode === 2 ? 400 : 1);
      camera.zoom(Math.exp(Math.max(-240, Math.min(240, pixels)) * 0.0016), event.clientX - box.left, event.clientY - box.top);
      touch();
    }

    function key(event) {
      if (!scene || event.ctrlKey || event.metaKey || event.altKey) return;
      const layers = scene.layers;
      const here = layers.findIndex((layer) => layer.marked);
      const first = layers[0].input ? 1 : 0;
      const to = (i) => told.layer(layers[Math.min(layers.length - 1, Math.max(first, i))].name);
      const turn = (dx, dy) => {
        touched = true;
        camera.turn(dx, dy);
        touch();
      };
      const keys = {
        ArrowLeft: () => turn(-0.12, 0),
        ArrowRight: () => turn(0.12, 0),
        ArrowUp: () => turn(0, 0.1),
        ArrowDown: () => turn(0, -0.1),
        "+": () => zoomed(0.85),
        "=": () => zoomed(0.85),
        "-": () => zoomed(1 / 0.85),
        PageDown: () => to(here + 1),
        PageUp: () => to(here < 0 ? layers.length - 1 : here - 1),
        Enter: () => here >= 0 && toggle(layers[here]),
        Home: reset,
        Escape: collapse,
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      event.stopPropagation();
      keys[event.key]();
    }

    function zoomed(factor) {
      touched = true;
      camera.zoom(factor, width / 2, height / 2);
      touch();
    }

    function reset() {
      touched = false;
      scene.arrange(camera, margins(), Math.min(2.6, Math.max(0.7, width / height)));
      if (calm()) scene.settle();
      fit(false);
    }

    stage.append(names);
    stage.addEventListener("pointerdown", down);
    stage.addEventListener("pointermove", move);
    stage.addEventListener("pointerup", up);
    stage.addEventListener("pointercancel", up);
    stage.addEventListener("pointerleave", () => !gesture && hover(null));
    stage.addEventListener("wheel", wheel, { passive: false });
    stage.addEventListener("keydown", key);
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("dblclick", (event) => !under(event) && reset());
    new ResizeObserver(() => wake()).observe(stage);
    begin(Boolean(told.flat));

    /* Show another network. The camera starts anew. */
    function show(graph) {
      hover(null);
      scene = graph && graph.layers.length ? space.scene(graph, CARDS[drawing.kind]) : null;
      view.scene = scene;
      touched = false;
      if (!scene) return touch();
      label(scene.layers);
      if (resize()) arrange();
      touch();
    }

    /* Short names, sizes in words, and which layers begin a new size of maps (their names come first). */
    function label(layers) {
      layers.forEach((layer, i) => {
        layer.short = layer.name.split("/").pop();
        layer.last = i === layers.length - 1;
        layer.size = layer.flat ? String(layer.channels) : layer.height + "×" + layer.width + "×" + layer.channels;
        const before = layers[i - 1];
        layer.stage = !before || before.height !== layer.height || before.flat !== layer.flat;
      });
    }

    const view = {
      scene: null, show, toggle, collapse, reset, resize, touch,
      spin(on) {
        spinning = on;
        touched = touched || on;
        touch();
      },
      flow() {
        if (!calm()) scene.flow();
        touch();
      },
      changed() {
        if (scene) scene.changed();
        touch();
      },
      /* The picture as a canvas, on its background. */
      picture() {
        sharpen(1);
        const made = document.createElement("canvas");
        [made.width, made.height] = [canvas.width, canvas.height];
        const pen = made.getContext("2d");
        pen.fillStyle = "#121926";
        pen.fillRect(0, 0, made.width, made.height);
        drawing.draw(scene, camera, ratio, -1); // in this very task, before the browser clears the drawing
        pen.drawImage(canvas, 0, 0);
        pen.drawImage(names, 0, 0);
        return made;
      },
      get kind() { return drawing.kind; },
      lose: () => drawing.lose(),
      camera: () => camera,
    }; // prettier-ignore
    return view;
  };
})();
