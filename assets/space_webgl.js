/* Draws a scene (space_scene.js) with WebGL2: all cards of one picture in one call, lines as ribbons of even width.
 * Nothing is kept but what can be sent again, so a lost context only costs one more drawing. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const space = (nnvis.space = nnvis.space || {});

  const CARD = `#version 300 es
    layout(location=0) in vec3 centre; layout(location=1) in vec4 rightAndSize; layout(location=2) in vec4 place;
    layout(location=3) in vec4 more; layout(location=4) in float depth;
    uniform mat4 camera; uniform vec2 fog; uniform vec2 screen;
    out vec2 at; out float clear; flat out vec4 cut; flat out vec2 texels; flat out float reveal; flat out int look; flat out vec2 pixels;
    void main() {
      vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
      vec2 off = (corner - 0.5) * rightAndSize.zw;
      gl_Position = camera * vec4(centre + vec3(rightAndSize.x * off.x, -off.y, rightAndSize.y * off.x), 1.0);
      at = corner; cut = place; reveal = more.x; look = int(more.y + 0.5); texels = more.zw;
      clear = 1.0 - clamp((gl_Position.w - fog.x) * fog.y, 0.0, 0.62);
      vec4 a = camera * vec4(centre - vec3(rightAndSize.x, 0.0, rightAndSize.y) * rightAndSize.z * 0.5, 1.0);
      vec4 b = camera * vec4(centre + vec3(rightAndSize.x, 0.0, rightAndSize.y) * rightAndSize.z * 0.5, 1.0);
      vec4 c = camera * vec4(centre + vec3(0.0, rightAndSize.w * 0.5, 0.0), 1.0);
      vec4 d = camera * vec4(centre - vec3(0.0, rightAndSize.w * 0.5, 0.0), 1.0);
      pixels = max(vec2(1.0), vec2(length((b.xy / b.w - a.xy / a.w) * screen), length((c.xy / c.w - d.xy / d.w) * screen)));
    }`;

  // A texel is drawn as a square with soft edges where it is larger than a pixel, and averaged where it is smaller.
  const SHADE = `#version 300 es
    precision highp float;
    in vec2 at; in float clear; flat in vec4 cut; flat in vec2 texels; flat in float reveal; flat in int look; flat in vec2 pixels;
    uniform sampler2D picture; uniform sampler2D ramp; uniform vec3 accent; uniform float ratio;
    out vec4 colour;
    vec4 texel(vec2 p) {
      vec2 q = clamp(p, vec2(0.5), texels - 0.5);
      return texture(picture, cut.xy + cut.zw * q / texels);
    }
    vec4 seen() {
      vec2 step = texels / pixels;
      vec2 p = at * texels;
      if (max(step.x, step.y) > 1.3) {
        vec2 s = step * 0.25;
        return 0.25 * (texel(p + s) + texel(p - s) + texel(p + vec2(s.x, -s.y)) + texel(p + vec2(-s.x, s.y)));
      }
      vec2 whole = floor(p - 0.5);
      vec2 part = p - 0.5 - whole;
      vec2 sharp = clamp((part - 0.5) / max(step, vec2(1e-4)) + 0.5, 0.0, 1.0);
      return texel(whole + 0.5 + sharp);
    }
    void main() {
      bool image = (look & 32) != 0, blank = (look & 1) != 0, frozen = (look & 2) != 0, plain = (look & 64) != 0;
      vec4 value = seen();
      vec3 c = image ? value.rgb : texture(ramp, vec2((value.r * 255.0 + 0.5) / 256.0, (look & 128) != 0 ? 0.75 : 0.25)).rgb;
      vec3 empty = vec3(0.13, 0.165, 0.23);
      if (blank) c = empty; else c = mix(empty, c, reveal);
      if (frozen) {
        float stripe = step(0.5, fract((at.x * pixels.x + at.y * pixels.y) / (7.0 * ratio)));
        c = vec3(0.36 + 0.3 * value.r) + 0.08 * stripe;
      }
      vec2 near = min(at, 1.0 - at) * pixels;
      float edge = min(near.x, near.y) / ratio;
      bool chosen = (look & 4) != 0, hovered = (look & 8) != 0, marked = (look & 16) != 0;
      float wide = chosen ? 2.2 : (hovered || marked ? 1.6 : 1.0);
      vec3 rim = chosen || marked ? accent : (hovered ? vec3(1.0) : mix(c, vec3(0.78, 0.84, 0.94), plain ? 0.0 : 0.38));
      wide = min(wide, 0.2 * min(pixels.x, pixels.y) / ratio);
      c = mix(rim, c, smoothstep(wide - 0.35, wide + 0.35, edge));
      float flash = (1.0 - reveal) * reveal * 4.0;
      c += flash * 0.18;
      colour = vec4(c * clear, clear);
    }`;

  const RIBBON = `#version 300 es
    layout(location=0) in vec3 from; layout(location=1) in vec3 to; layout(location=2) in vec4 tint; layout(location=3) in float wide;
    uniform mat4 camera; uniform vec2 screen; uniform vec2 fog; uniform float ratio;
    out float across; out vec4 colour; flat out float half_;
    void main() {
      vec4 a = camera * vec4(from, 1.0), b = camera * vec4(to, 1.0);
      vec2 along = (b.xy / b.w - a.xy / a.w) * screen;
      along = length(along) > 1e-5 ? normalize(along) : vec2(1.0, 0.0);
      float side = float(gl_VertexID & 1) * 2.0 - 1.0;
      vec4 here = (gl_VertexID & 2) == 0 ? a : b;
      half_ = 0.5 * wide * ratio;
      across = side * (half_ + 1.0);
      here.xy += vec2(-along.y, along.x) * across / screen * here.w;
      gl_Position = here;
      float clear = 1.0 - clamp((here.w - fog.x) * fog.y, 0.0, 0.62);
      colour = tint * clear;
    }`;

  const INK = `#version 300 es
    precision highp float;
    in float across; in vec4 colour; flat in float half_;
    out vec4 drawn;
    void main() { drawn = colour * clamp(half_ + 0.5 - abs(across), 0.0, 1.0); }`;

  const ACCENT = [0.35, 0.66, 1.0];
  const TINTS = { line: [0.42, 0.49, 0.6, 0.55], skip: [0.98, 0.66, 0.3, 0.8], turn: [0.42, 0.49, 0.6, 0.28], lit: [0.35, 0.66, 1, 1] };

  /* A drawing on this canvas, or null where there is no WebGL2. `ramp`: two scales of 256 colours of 3
   * bytes, one from 0 up and one around 0. */
  space.webgl = function (canvas, ramp) {
    const gl = canvas.getContext("webgl2", { alpha: true, antialias: true, premultipliedAlpha: true });
    if (!gl) return null;
    let tools = null;
    let sent = new Map(); // pictures that the device holds, by key

    function prepare() {
      sent = new Map();
      const cards = nnvis.glProgram(gl, CARD, SHADE);
      const ribbons = nnvis.glProgram(gl, RIBBON, INK);
      tools = { cards, ribbons, buffers: new Map(), ramp: gl.createTexture(), white: null, lines: null, linesOf: "" };
      gl.bindTexture(gl.TEXTURE_2D, tools.ramp);
      gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
      const both = new Uint8Array(2 * 768);
      both.set(ramp[0]);
      both.set(ramp[1], 768);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, 256, 2, 0, gl.RGB, gl.UNSIGNED_BYTE, both);
      smooth();
    }

    function smooth() {
      for (const [name, value] of [["MIN_FILTER", "LINEAR"], ["MAG_FILTER", "LINEAR"], ["WRAP_S", "CLAMP_TO_EDGE"], ["WRAP_T", "CLAMP_TO_EDGE"]]) // prettier-ignore
        gl.texParameteri(gl.TEXTURE_2D, gl["TEXTURE_" + name], gl[value]);
    }

    /* The texture of a picture; sent the first time. */
    function texture(picture) {
      const key = picture ? picture.key : 0;
      if (!sent.has(key)) {
        const made = gl.createTexture();
        gl.bindTexture(gl.TEXTURE_2D, made);
        if (!picture) gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, 1, 1, 0, gl.RED, gl.UNSIGNED_BYTE, new Uint8Array([0]));
        else if (picture.colours) gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, picture.colours);
        else gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, picture.width, picture.height, 0, gl.RED, gl.UNSIGNED_BYTE, picture.values);
        smooth();
        sent.set(key, { made, used: 0 });
      }
      return sent.get(key);
    }

    function cardBuffer(key, batch, version) {
      let entry = tools.buffers.get(key);
      if (!entry) {
        entry = { array: gl.createVertexArray(), buffer: gl.createBuffer(), version: -1 };
        tools.buffers.set(key, entry);
        gl.bindVertexArray(entry.array);
        gl.bindBuffer(gl.ARRAY_BUFFER, entry.buffer);
        [[0, 3, 0], [1, 4, 3], [2, 4, 7], [3, 4, 11], [4, 1, 15]].forEach(([slot, n, from]) => { // prettier-ignore
          gl.enableVertexAttribArray(slot);
          gl.vertexAttribPointer(slot, n, gl.FLOAT, false, 4 * space.CARD_FLOATS, 4 * from);
          gl.vertexAttribDivisor(slot, 1);
        });
      }
      gl.bindVertexArray(entry.array);
      if (entry.version !== version) {
        gl.bindBuffer(gl.ARRAY_BUFFER, entry.buffer);
        gl.bufferData(gl.ARRAY_BUFFER, batch.floats, gl.DYNAMIC_DRAW);
        entry.version = version;
      }
    }

    function lineBuffer(scene, lit) {
      const of = scene.version + "|" + lit;
      if (!tools.lines) {
        tools.lines = { array: gl.createVertexArray(), buffer: gl.createBuffer(), n: 0 };
        gl.bindVertexArray(tools.lines.array);
        gl.bindBuffer(gl.ARRAY_BUFFER, tools.lines.buffer);
        [[0, 3, 0], [1, 3, 3], [2, 4, 6], [3, 1, 10]].forEach(([slot, n, from]) => { // prettier-ignore
          gl.enableVertexAttribArray(slot);
          gl.vertexAttribPointer(slot, n, gl.FLOAT, false, 44, 4 * from);
          gl.vertexAttribDivisor(slot, 1);
        });
      }
      gl.bindVertexArray(tools.lines.array);
      if (tools.linesOf === of) return;
      const values = [];
      for (const line of scene.lines()) {
        const on = line.from === lit || line.to === lit;
        const [r, g, b, a] = on ? TINTS.lit : line.skip ? TINTS.skip : line.turn ? TINTS.turn : TINTS.line;
        for (let i = 0; i + 1 < line.points.length; i += 1)
          values.push(...line.points[i], ...line.points[i + 1], r * a, g * a, b * a, a, on ? 2.4 : line.skip ? 1.6 : 1.3);
      }
      gl.bindBuffer(gl.ARRAY_BUFFER, tools.lines.buffer);
      gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(values), gl.DYNAMIC_DRAW);
      tools.lines.n = values.length / 11;
      tools.linesOf = of;
    }

    /* Draw once. `lit`: number of the layer whose connections shine, or -1. */
    function draw(scene, camera, ratio, lit) {
      if (gl.isContextLost()) return;
      if (!tools) prepare();
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.enable(gl.DEPTH_TEST);
      const matrix = camera.matrix();
      const fog = [camera.now.distance * 1.02, 0.55 / camera.now.distance];
      const screen = [canvas.width / 2, canvas.height / 2];

      gl.useProgram(tools.cards.made);
      const at = tools.cards.places;
      gl.uniformMatrix4fv(at.camera, false, matrix);
      gl.uniform2fv(at.fog, fog);
      gl.uniform2fv(at.screen, screen);
      gl.uniform3fv(at.accent, ACCENT);
      gl.uniform1f(at.ratio, ratio);
      gl.uniform1i(at.picture, 0);
      gl.uniform1i(at.ramp, 1);
      gl.activeTexture(gl.TEXTURE1);
      gl.bindTexture(gl.TEXTURE_2D, tools.ramp);
      gl.activeTexture(gl.TEXTURE0);
      const used = new Set();
      for (const batch of scene.batches()) {
        const key = batch.source ? batch.source.key : 0;
        used.add(key);
        gl.bindTexture(gl.TEXTURE_2D, texture(batch.source).made);
        cardBuffer(key, batch, scene.version);
        gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, batch.n);
      }

      gl.useProgram(tools.ribbons.made);
      const to = tools.ribbons.places;
      gl.uniformMatrix4fv(to.camera, false, matrix);
      gl.uniform2fv(to.screen, screen);
      gl.uniform2fv(to.fog, fog);
      gl.uniform1f(to.ratio, ratio);
      lineBuffer(scene, lit);
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      gl.depthMask(false);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, tools.lines.n);
      gl.depthMask(true);
      gl.disable(gl.BLEND);
      gl.bindVertexArray(null);
      forget(used);
    }

    /* Free pictures and buffers that no card is cut from any more. */
    function forget(used) {
      for (const [key, entry] of sent) {
        if (used.has(key)) continue;
        gl.deleteTexture(entry.made);
        sent.delete(key);
      }
      for (const [key, entry] of tools.buffers) {
        if (used.has(key)) continue;
        gl.deleteVertexArray(entry.array);
        gl.deleteBuffer(entry.buffer);
        tools.buffers.delete(key);
      }
    }

    return { kind: "webgl2", draw, restore: () => (tools = null), lose: () => gl.getExtension("WEBGL_lose_context") };
  };
})();
