import { expect, test } from "vitest";
import { toHtml, toMarkdown, toText, type Document } from "../../../src/cli/document";

const document: Document = { title: "a_b.onnx → c", keyFigures: [["12.6×", "smaller"], ["-0.1", "points"]], blocks: ["One <line> | two", "", { head: ["layer", "bytes"], rows: [["x_1", "7 B"], ["long|name", "1.25 KB"]], figures: [1], bars: { column: 1, shares: [0.25, 1], most: "1.25 KB" }, folded: "2 layers & more" }, "Note: it is -2 dB, a b-2." ] };

test("as text, figures stand under each other", () => {
  expect(toText(document)).toBe("One <line> | two\n\nlayer        bytes\nx_1            7 B\nlong|name  1.25 KB\nNote: it is -2 dB, a b-2.\n");
});

test("as Markdown, names show as they are, and a long table folds away", () => {
  expect(toMarkdown(document)).toBe([
    "### a\\_b.onnx → c", "**12.6×** smaller · **−0.1** points", "One \\<line\\> \\| two", "<details><summary>2 layers &#38; more</summary>", "| layer | bytes |\n| --- | ---: |\n| x\\_1 | 7 B |\n| long\\|name | 1.25 KB |", "</details>", "Note: it is −2 dB, a b-2.",
  ].join("\n\n") + "\n");
});

test("as HTML it is one whole page, in which nothing of the model is taken for a tag", () => {
  const page = toHtml({ ...document, title: "<script>alert(1)</script>" });
  expect(page).toMatch(/^<!DOCTYPE html>\n<html lang="en">[^]*<\/html>\n$/);
  expect(page).not.toContain("<script");
  expect(page).toContain("<p>One &#60;line&#62; | two</p>");
  expect(page).toContain("<td class=\"figure\">1.25\u00a0KB</td>");
  expect(page).toContain('<i style="width: 25.0%"></i>');
  expect(page).toContain("<span><i>0</i><i>1.25 KB</i></span>");
  expect(page).toContain("<dt>smaller</dt><dd>12.6×</dd>");
  expect(page).toContain('<p class="note">Note: it is −2 dB, a b-2.</p>');
  expect(page).not.toMatch(/src=|href=|url\(/); // it needs nothing beside itself
});

test("what others read has a file's name where a terminal has its path", () => {
  for (const local of ["/home/me/models/out.small.onnx", "C:\\models\\out.small.onnx"]) {
    const written: Document = { title: "a → b", blocks: [`Written: ${local}, 35 KB.`], local };
    expect(toText(written)).toBe(`Written: ${local}, 35 KB.\n`);
    expect(toMarkdown(written)).toBe("### a → b\n\nWritten: out.small.onnx, 35 KB.\n");
    expect(toHtml(written)).toContain("<p>Written: out.small.onnx, 35 KB.</p>");
  }
});
