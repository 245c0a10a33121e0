/* The eye that looks at the layers in space: it turns about a point, with a long lens, and flies to where it is sent.
 * Lengths are the scene's, angles radians; screen positions are CSS pixels from the top left. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const space = (nnvis.space = nnvis.space || {});

  const LENS = 1 / Math.tan((20 * Math.PI) / 360); // a field of view of 20 degrees from top to bottom
  const PITCHES = [-1.45, 1.45];
  const QUICK = 7; // per second: how fast what is left of a flight shrinks
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

  space.YAW = 0.46;
  space.PITCH = 0.25;

  /* `flat`: without perspective, so that every face is an exact parallelogram (what a 2-D canvas can draw). */
  space.camera = function (flat) {
    const now = { yaw: space.YAW, pitch: space.PITCH, distance: 10, target: [0, 0, 0] };
    let goal = null;
    let width = 1;
    let height = 1;

    let kept = { yaw: NaN, pitch: NaN };
    function axes(yaw, pitch) {
      if (kept.yaw === yaw && kept.pitch === pitch) return kept;
      const [sy, cy, sp, cp] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
      kept = { yaw, pitch, right: [cy, 0, sy], up: [sy * sp, cp, -cy * sp], back: [-sy * cp, sp, cy * cp] };
      return kept;
    }

    function seen(point, distance, frame, target) {
      const from = [point[0] - target[0], point[1] - target[1], point[2] - target[2]];
      const away = distance - dot(from, frame.back);
      return [dot(from, frame.right), dot(from, frame.up), away];
    }

    function resize(w, h) {
      width = Math.max(1, w);
      height = Math.max(1, h);
    }

    /* [x, y, distance from the eye, pixels per unit of length there] */
    function project(point) {
      const [x, y, away] = seen(point, now.distance, axes(now.yaw, now.pitch), now.target);
      const scale = (LENS * height) / 2 / (flat ? now.distance : Math.max(away, 1e-3));
      return [width / 2 + x * scale, height / 2 - y * scale, away, scale];
    }

    /* The line of sight through a pixel: {from, along}. */
    function ray(sx, sy) {
      const { right, up, back } = axes(now.yaw, now.pitch);
      const x = ((sx - width / 2) * 2) / (LENS * height);
      const y = ((height / 2 - sy) * 2) / (LENS * height);
      const d = now.distance;
      const add = (a, b, c) => [0, 1, 2].map((i) => right[i] * a + up[i] * b + back[i] * c);
      const middle = now.target;
      if (flat) return { from: add(x * d, y * d, 4 * d).map((v, i) => v + middle[i]), along: back.map((v) => -v) };
      return { from: back.map((v, i) => v * d + middle[i]), along: add(x, y, -1) };
    }

    /* Column-major matrix from the scene to clip space. */
    function matrix() {
      const { right, up, back } = axes(now.yaw, now.pitch);
      const at = [dot(right, now.target), dot(up, now.target), dot(back, now.target)];
      const [near, far] = [Math.max(0.02, now.distance * 0.02), now.distance * 3 + 60];
      const [sx, sy] = [(LENS * height) / width, LENS];
      const a = (far + near) / (far - near);
      const b = (-2 * far * near) / (far - near);
      const m = new Float32Array(16);
      const rest = now.distance + at[2]; // distance from the eye = rest - dot(back, point)
      for (let i = 0; i < 3; i += 1) {
        m[4 * i] = sx * right[i];
        m[4 * i + 1] = sy * up[i];
        m[4 * i + 2] = -a * back[i];
        m[4 * i + 3] = -back[i];
      }
      m[12] = -sx * at[0];
      m[13] = -sy * at[1];
      m[14] = a * rest + b;
      m[15] = rest;
      return m;
    }

    /* Where to stand so that all points are in sight: {distance, target}. Margins: shares of the drawing, from
     * the left, right, top and bottom. */
    function fitted(points, yaw, pitch, margins) {
      const frame = axes(yaw, pitch);
      const [left, over, top, under] = margins || [0.06, 0.06, 0.1, 0.1];
      const half = [((width / height) * (1 - left - over)) / LENS, (1 - top - under) / LENS];
      const low = [Infinity, Infinity, Infinity];
      const high = [-Infinity, -Infinity, -Infinity];
      const inFrame = points.map((p) => [dot(p, frame.right), dot(p, frame.up), dot(p, frame.back)]);
      for (const p of inFrame) {
        for (let i = 0; i < 3; i += 1) {
          low[i] = Math.min(low[i], p[i]);
          high[i] = Math.max(high[i], p[i]);
        }
      }
      const middle = [0, 1, 2].map((i) => (low[i] + high[i]) / 2);
      let distance = 0;
      for (let round = 0; round < 6; round += 1) {
        distance = 0.4;
        for (const p of inFrame) {
          const depth = flat ? 0 : p[2] - middle[2];
          for (let i = 0; i < 2; i += 1) distance = Math.max(distance, Math.abs(p[i] - middle[i]) / half[i] + depth);
        }
        // Perspective makes one side fuller than the other: shift until both have the same room.
        for (let i = 0; i < 2; i += 1) {
          let [from, to] = [Infinity, -Infinity];
          for (const p of inFrame) {
            const at = (p[i] - middle[i]) / (flat ? distance : Math.max(0.05, distance - (p[2] - middle[2])));
            from = Math.min(from, at);
            to = Math.max(to, at);
          }
          middle[i] += ((from + to) / 2) * distance;
        }
      }
      middle[0] -= ((left - over) * distance * width) / height / LENS;
      middle[1] += ((top - under) * distance) / LENS;
      const target = [0, 1, 2].map((i) => frame.right[i] * middle[0] + frame.up[i] * middle[1] + frame.back[i] * middle[2]);
      return { distance, target };
    }

    function aim(where) {
      goal = { ...(goal || copy()), ...where };
    }

    const copy = () => ({ ...now, target: [...now.target] });

    function jump(where) {
      goal = null;
      Object.assign(now, where);
    }

    /* Fly on for `seconds`; whether it still moves. */
    function step(seconds) {
      if (!goal) return false;
      const share = 1 - Math.exp(-QUICK * seconds);
      let left = 0;
      for (const name of ["yaw", "pitch"]) {
        left = Math.max(left, Math.abs(goal[name] - now[name]));
        now[name] += (goal[name] - now[name]) * share;
      }
      left = Math.max(left, Math.abs(Math.log(goal.distance / now.distance)));
      now.distance *= Math.pow(goal.distance / now.distance, share);
      for (let i = 0; i < 3; i += 1) {
        left = Math.max(left, Math.abs(goal.target[i] - now.target[i]) / now.distance);
        now.target[i] += (goal.target[i] - now.target[i]) * share;
      }
      if (left > 5e-4) return true;
      Object.assign(now, goal);
      goal = null;
      return false;
    }

    function turn(dx, dy) {
      jump({ yaw: now.yaw + dx, pitch: Math.min(PITCHES[1], Math.max(PITCHES[0], now.pitch + dy)) });
    }

    /* Move what is seen by so many pixels. */
    function pan(dx, dy) {
      const { right, up } = axes(now.yaw, now.pitch);
      const unit = (2 * now.distance) / (LENS * height);
      jump({ target: now.target.map((v, i) => v - right[i] * dx * unit + up[i] * dy * unit) });
    }

    /* Nearer by `factor` < 1; what lies under the pixel stays there. */
    function zoom(factor, sx, sy) {
      const distance = Math.min(400, Math.max(0.3, now.distance * factor));
      const { right, up } = axes(now.yaw, now.pitch);
      const unit = (2 * (now.distance - distance)) / (LENS * height);
      const [x, y] = [(sx - width / 2) * unit, (height / 2 - sy) * unit];
      jump({ distance, target: now.target.map((v, i) => v + right[i] * x + up[i] * y) });
    }

    return { now, flat: Boolean(flat), resize, project, ray, matrix, fitted, aim, jump, step, turn, pan, zoom };
  };
})();
