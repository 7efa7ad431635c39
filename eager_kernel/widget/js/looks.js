// How kinds of time look: made of `LOOKS` in eager_kernel/core/figures/lanes.py by
// `python -m eager_kernel.widget.looks`.

export const LOOKS = {
  "first token": {
    "meaning": "until the first token",
    "colour": "#8a8a8a",
    "striped": false
  },
  "generated": {
    "meaning": "written by the model",
    "colour": "#3b78c3",
    "striped": false
  },
  "detected": {
    "meaning": "found to be complete",
    "colour": "#8f62c9",
    "striped": false
  },
  "ready": {
    "meaning": "ready, behind other code",
    "colour": "#767676",
    "striped": false
  },
  "deferred": {
    "meaning": "put off, to run with what follows",
    "colour": "#17868a",
    "striped": true
  },
  "held": {
    "meaning": "held by the gate",
    "colour": "#bd6612",
    "striped": true
  },
  "executed": {
    "meaning": "executed",
    "colour": "#2f8a4e",
    "striped": false
  },
  "waited": {
    "meaning": "stood still at an effect",
    "colour": "#cc4365",
    "striped": true
  }
};
