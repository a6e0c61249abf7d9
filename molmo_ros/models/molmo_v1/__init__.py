"""The Molmo v1 architecture, shared by MolmoAct v1, Molmo v1 and GraspMolmo.

A ViT whose features from two layers are pooled 2x2 by attention and *added* to the embeddings of the image
patch tokens of a plain causal decoder. Written for the published safetensors layouts, without remote code.
"""
