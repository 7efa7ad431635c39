import html
import re


def inline(text):
    """Convert bold, italic, code and links."""
    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    text = re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)
    return re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r'<a href="\2">\1</a>', text)


class MarkdownConverter:
    """A small Markdown converter: headings, lists, paragraphs, code blocks."""

    def __init__(self):
        self.output = []
        self.paragraph = []
        self.in_list = False
        self.in_code = False

    def flush(self):
        if self.paragraph:
            self.output.append(f"<p>{inline(' '.join(self.paragraph))}</p>")
            self.paragraph = []
        if self.in_list:
            self.output.append("</ul>")
            self.in_list = False

    def line(self, line):
        if line.startswith("```"):
            self.flush()
            self.output.append("</code></pre>" if self.in_code else "<pre><code>")
            self.in_code = not self.in_code
        elif self.in_code:
            self.output.append(html.escape(line))
        elif heading := re.match(r"(#{1,6})\s+(.*)", line):
            self.flush()
            level = len(heading[1])
            self.output.append(f"<h{level}>{inline(heading[2])}</h{level}>")
        elif item := re.match(r"[-*]\s+(.*)", line):
            if not self.in_list:
                self.flush()
                self.output.append("<ul>")
                self.in_list = True
            self.output.append(f"  <li>{inline(item[1])}</li>")
        elif not line.strip():
            self.flush()
        else:
            self.paragraph.append(line.strip())

    def convert(self, text):
        for line in text.splitlines():
            self.line(line)
        self.flush()
        return "\n".join(self.output)


source = open("data/article.md", encoding="utf-8").read()
page = MarkdownConverter().convert(source)
print(page[:300])
print(f"{len(source):,} characters of Markdown became {len(page):,} of HTML")
print({tag: len(re.findall(f"<{tag}>", page)) for tag in ("h1", "h2", "p", "li", "strong")})

with open("article.html", "w", encoding="utf-8") as file:
    file.write("<!doctype html>\n<meta charset='utf-8'>\n" + page)
