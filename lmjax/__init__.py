"""Generative modelling of Bach chorales by gradient estimation.

Shapes, here and everywhere:
  B  batch
  T  frames, one sixteenth note each
  V  voices, always 4: soprano, alto, tenor, bass
  K  tokens of the longest voice's vocabulary
  D  width of one frame of the continuous state, the sum of the voices' embedding widths
  L  noise levels
  C  conditioning tracks
"""
