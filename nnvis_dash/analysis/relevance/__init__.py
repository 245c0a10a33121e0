"""Relevance: what a score is made of, handed back through a network layer by layer.

`parts` says what each layer does in a few plain words (linear, elementwise, routing, a sum), `folding` puts batch
normalisation into its neighbour, `rules` are the ways to hand relevance back through something linear, `walk` goes back
through the whole graph. LRP, deep Taylor decomposition, DeepLIFT, PatternNet and PatternAttribution are such walks.
"""
