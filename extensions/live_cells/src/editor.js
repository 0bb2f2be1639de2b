// An editor for one cell: CodeMirror, with the colours that the page gives to code.

import { indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { Prec } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { minimalSetup } from "codemirror";

// The page's style sheet colours Pygments' classes for light and dark; the editor takes them over.
const PYGMENTS = HighlightStyle.define([
  { tag: [tags.keyword, tags.controlKeyword, tags.definitionKeyword], class: "k" },
  { tag: tags.moduleKeyword, class: "kn" },
  { tag: tags.operatorKeyword, class: "ow" },
  { tag: [tags.bool, tags.null], class: "kc" },
  { tag: [tags.string, tags.special(tags.string)], class: "s2" },
  { tag: tags.number, class: "mi" },
  { tag: tags.comment, class: "c1" },
  { tag: tags.operator, class: "o" },
  { tag: tags.function(tags.definition(tags.variableName)), class: "nf" },
  { tag: tags.definition(tags.className), class: "nc" },
]);

// `run` and `leave` are what Shift-Enter and Escape do; Tab indents, so Escape must lead out.
export function createEditor({ parent, source, label, described, run, leave, changed }) {
  const does = (action) => () => (action(), true);
  return new EditorView({
    doc: source,
    parent,
    extensions: [
      Prec.highest(
        keymap.of([
          { key: "Shift-Enter", run: does(run) },
          { key: "Ctrl-Enter", mac: "Cmd-Enter", run: does(run) },
          { key: "Escape", run: does(leave) },
        ]),
      ),
      minimalSetup,
      keymap.of([indentWithTab]),
      python(),
      indentUnit.of("    "),
      syntaxHighlighting(PYGMENTS),
      EditorView.contentAttributes.of({
        "aria-label": label,
        "aria-describedby": described,
        tabindex: "0", // it is a tab stop anyway; not every checker knows
      }),
      EditorView.updateListener.of((update) => update.docChanged && changed()),
    ],
  });
}
