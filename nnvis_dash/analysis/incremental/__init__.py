"""Exact inference on images that differ from one image in a small window: only what the window can reach is computed.

The maps of every layer of the unchanged image are kept. For each window and layer, the patch that the window reaches is
computed from its surroundings, read partly from the patch before it and partly from the kept map (Nakandala, Kumar and
Papakonstantinou, "Incremental and approximate inference for faster occlusion-based deep CNN explanations", SIGMOD
2019).
From the layer on where the patch is the whole map, or whose kind isn't known here, whole maps are computed as always.

- `moves` says how one layer moves a patch,
- `reach` which part of each map a window reaches, and which windows are computed together,
- `inference` computes.
"""
