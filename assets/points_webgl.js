/* Draws points with WebGL2. The page has one canvas and one context for it: who draws takes the canvas into its own frame.
 * What is sent to it can be sent again, so a lost context costs one more drawing. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const SQUARE = 3.5; // device pixels up to which a point is a square

  const POINT = `#version 300 es
    layout(location=0) in vec2 at; layout(location=1) in float tone; layout(location=2) in float crowd;
    uniform vec4 view; uniform float size; uniform float cell; uniform float strength; uniform vec4 ink; uniform sampler2D palette;
    flat out vec4 colour;
    void main() {
      gl_Position = vec4(at * view.xy + view.zw, 0.0, 1.0);
      gl_PointSize = size;
      colour = ink.a > 0.0 ? ink : texelFetch(palette, ivec2(int(tone + 0.5), 0), 0);
      float covered = (exp2(crowd / 8.0) - 1.0) * size * size / cell;  // how often a pixel around here is drawn
      colour.a *= strength * (ink.a > 0.0 ? 1.0 : clamp(1.0 / sqrt(max(1.0, 0.5 * covered)), 0.3, 1.0));
      colour.rgb *= colour.a;
    }`;

  const DOT = `#version 300 es
    precision highp float;
    flat in vec4 colour; out vec4 drawn;
    void main() { drawn = colour; }`;

  const DISC = `#version 300 es
    precision highp float;
    uniform float size; uniform float hole; flat in vec4 colour; out vec4 drawn;
    void main() {
      float radius = length(gl_PointCoord - 0.5) * size;
      float mask = clamp(0.5 * size - radius, 0.0, 1.0) * clamp(radius - hole + 0.5, 0.0, 1.0);
      if (mask <= 0.0) discard;
      drawn = colour * mask;
    }`;

  const PLANE = `#version 300 es
    out vec2 at;
    void main() {
      at = vec2(gl_VertexID & 1, gl_VertexID >> 1);
      gl_Position = vec4(at * 2.0 - 1.0, 0.0, 1.0);
    }`;

  const PICTURE = `#version 300 es
    precision highp float;
    in vec2 at; uniform sampler2D picture; out vec4 drawn;
    void main() {
      vec4 texel = texture(picture, vec2(at.x, 1.0 - at.y));
      drawn = vec4(texel.rgb * texel.a, texel.a);
    }`;

  const SOURCES = { dot: [POINT, DOT], disc: [POINT, DISC], picture: [PLANE, PICTURE] };

  /* Use a program, compiled when it is first needed; its uniforms' places. */
  function use(name) {
    const { gl, programs } = shared;
    if (!programs[name]) programs[name] = nnvis.glProgram(gl, ...SOURCES[name]);
    gl.useProgram(programs[name].made);
    return programs[name].places;
  }

  let shared; // {canvas, gl, ...} of the page; null: there is no WebGL2
  let lives = 0; // contexts so far: buffers of an earlier one are gone

  function context() {
    if (shared !== undefined) return shared;
    const canvas = document.createElement("canvas");
    canvas.className = "points-canvas";
    const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, premultipliedAlpha: true });
    if (!gl) return (shared = null);
    shared = { canvas, gl };
    start();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", function () {
      start();
      window.dispatchEvent(new Event("nnvis-points-restored"));
    });
    return shared;
  }

  function start() {
    const { gl } = shared;
    lives += 1;
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    Object.assign(shared, { programs: {}, empty: gl.createVertexArray(), image: gl.createTexture(), life: lives });
    use("dot");
    gl.drawArrays(gl.POINTS, 0, 1); // a point without a size: the driver compiles while the points are on their way
  }

  const smooth = (gl, filter) => {
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, filter);
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
  };

  /* A set of points on the graphics processor, or null where there is no WebGL2. `data`: {xy, tones, crowd, palette, rings} is
   * read when it is drawn; `stale(name)` says which of them changed. */
  nnvis.pointsOnGpu = function (data) {
    if (!context()) return null;
    let own = null; // what this set has in the present context
    const changed = new Set();

    function buffers() {
      const { gl } = shared;
      own = { life: shared.life, array: gl.createVertexArray(), xy: gl.createBuffer(), tones: gl.createBuffer(), crowd: gl.createBuffer(), rows: gl.createBuffer(), palette: gl.createTexture() };
      gl.bindVertexArray(own.array);
      for (const [place, name, size, kind, unit] of [
        [0, "xy", 2, gl.UNSIGNED_SHORT, true],
        [1, "tones", 1, gl.UNSIGNED_BYTE, false],
        [2, "crowd", 1, gl.UNSIGNED_BYTE, false],
      ]) {
        gl.bindBuffer(gl.ARRAY_BUFFER, own[name]);
        gl.enableVertexAttribArray(place);
        gl.vertexAttribPointer(place, size, kind, unit, 0, 0);
      }
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, own.rows);
      for (const name of ["xy", "tones", "crowd", "palette"]) changed.add(name);
    }

    function send() {
      const { gl } = shared;
      if (!own || own.life !== shared.life) buffers();
      gl.bindVertexArray(own.array);
      for (const name of ["xy", "tones", "crowd"]) {
        if (!changed.has(name)) continue;
        gl.bindBuffer(gl.ARRAY_BUFFER, own[name]);
        gl.bufferData(gl.ARRAY_BUFFER, data[name], gl.DYNAMIC_DRAW);
      }
      gl.activeTexture(gl.TEXTURE0);
      gl.bindTexture(gl.TEXTURE_2D, own.palette);
      if (changed.has("palette")) {
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, data.palette);
        smooth(gl, gl.NEAREST);
      }
      changed.clear();
    }

    /* Begin a drawing of so many device pixels, on the canvas that lies below this element. */
    function begin(above, width, height) {
      const { canvas, gl } = shared;
      if (canvas.nextSibling !== above) above.before(canvas);
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      gl.viewport(0, 0, width, height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
    }

    /* Draw lists of rows, each {rows, size, strength}, sizes in device pixels; with `hole` (a radius) as rings, with `ink` in one
     * colour (RGBA, 0 to 1). `camera`: see points_index.js, to device
     * pixels; `side`: cells of the index along a side. */
    function points(lists, camera, width, height, side) {
      const { gl } = shared;
      send();
      for (const { rows, size, strength, hole, ink } of lists) {
        if (!rows.length) continue;
        const at = use(hole === undefined && size <= SQUARE ? "dot" : "disc");
        gl.uniform4f(at.view, (2 * 65535 * camera.kx) / width, (2 * 65535 * camera.ky) / height, (2 * camera.ox) / width - 1, 1 - (2 * camera.oy) / height);
        gl.uniform1f(at.cell, Math.max(1, (65536 / side) ** 2 * camera.kx * camera.ky));
        gl.uniform1i(at.palette, 0);
        gl.uniform1f(at.size, size);
        gl.uniform1f(at.strength, strength);
        gl.uniform1f(at.hole, hole === undefined ? -1 : hole);
        gl.uniform4f(at.ink, ...(ink || [0, 0, 0, 0]));
        gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, rows, gl.DYNAMIC_DRAW);
        gl.drawElements(gl.POINTS, rows.length, gl.UNSIGNED_INT, 0);
      }
    }

    /* Draw a picture over everything. */
    function picture(bytes, width, height) {
      const { gl } = shared;
      use("picture");
      gl.bindVertexArray(shared.empty);
      gl.activeTexture(gl.TEXTURE0);
      gl.bindTexture(gl.TEXTURE_2D, shared.image);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
      smooth(gl, gl.LINEAR);
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    }

    return {
      stale: (...names) => names.forEach((name) => changed.add(name)),
      begin,
      points,
      picture,
      canvas: () => shared.canvas,
      /* Wait until all is drawn: for measurements. */
      finish: () => shared.gl.readPixels(0, 0, 1, 1, shared.gl.RGBA, shared.gl.UNSIGNED_BYTE, new Uint8Array(4)),
    };
  };
})();
