"""What each kind of file is read into."""

import subprocess
import sys

import docx
import docx.enum.style
import pytest

from verticals.retrieval.reading import KINDS, Told, plain_text, read_blocks, split


@pytest.fixture
def read():
    """The passages of a file, each of which has to be where it says it is."""

    def read(path, size=1000, encoding=None):
        passages = list(split(read_blocks(path, encoding, Told()), size))
        text = plain_text(path, encoding)
        assert [text[each.start : each.end] for each in passages] == [each.text for each in passages]
        return passages

    return read


def test_markdown_is_read_without_its_marks(write, read):
    path = write(
        "guide.md",
        "# Guide\n\nSome *soft* [words](http://x) and `code` &amp;\nmore ![a kettle](k.png).\n\n"
        "## Steps\n\n3. Open\n4. Close\n   - gently\n\n| Land | Days |\n|---|---|\n| Peru | 9 |\n| Chad | |\n\n"
        "> Quoted.\n\n<div>Raw <b>page</b><script>no()</script></div>\n\n```\nx = 1\n```\n",
    )
    first, second = read(path)
    assert (first.title, first.heading) == ("Guide", ("Guide",))
    assert first.text == "Some soft words and code & more a kettle."
    assert (second.title, second.heading) == ("Guide › Steps", ("Guide", "Steps"))
    assert second.text == (
        "3. Open\n4. Close\n  - gently\n\nLand: Peru | Days: 9\nLand: Chad\n\nQuoted.\n\nRaw page\n\nx = 1"
    )


def test_front_matter_gives_the_title_and_a_rule_is_none(write, read):
    titled, ruled = read(write("a.md", '---\ntitle: "Our returns"\ndraft: no\n---\nText.\n')), None
    assert [(each.title, each.text) for each in titled] == [("Our returns", "Text.")]
    ruled = read(write("b.md", "---\n\nBetween rules.\n\n---\n\nBelow.\n"))
    assert [each.text for each in ruled] == ["Between rules.\n\nBelow."]


def test_a_heading_is_a_passage_only_where_nothing_is_below_it(write, read):
    passages = read(write("a.md", "# A\n\n## B\n\ntext\n\n## C\n\n## D\n\n### E\n"))
    assert [(each.title, each.text) for each in passages] == [
        ("A › B", "text"), ("A › C", "C"), ("A › D › E", "E"),
    ]  # fmt: skip


def test_html_is_what_a_reader_sees(write, read):
    path = write(
        "page.html",
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html><head><title>Help – Shop</title>'
        "<style>p { color: red }</style><script>alert('x')</script></head><body><nav>Home</nav>"
        "<h1>Delivery <i>times</i></h1>Loose <!-- secret -->text<p>One<br>two  three</p><noscript>no</noscript>"
        "<ul><li>first</li><li>second<ol start=3><li>inner</li></ol></li></ul>"
        "<table><tr><th>Land</th><th>Days</th></tr><tr><td>Peru</td><td><p>9</p></td></tr></table>"
        "<pre>a\n  b</pre><p hidden>never</p><p style='display: none'>nor this</p>"
        "<table><tr><td><h2>Laid out</h2>inner</td></tr></table><template>t</template></body></html>",
    )
    first, second = read(path)
    assert (first.title, first.heading) == ("Delivery times", ("Delivery times",))
    assert first.text == (
        "Loose text\n\nOne\ntwo three\n\n- first\n- second\n  3. inner\n\nLand: Peru | Days: 9\n\na\n  b"
    )
    assert (second.title, second.text) == ("Delivery times › Laid out", "inner")


def test_of_a_page_with_a_main_part_that_is_read(write, read):
    path = write("p.html", "<title>Terms</title><header>Shop</header><main><p>Body.</p></main><footer>2026</footer>")
    assert [(each.title, each.text) for each in read(path)] == [("Terms", "Body.")]


def test_html_has_the_encoding_that_it_declares(write, read):
    declared = write("a.html", '<meta charset="koi8-r"><p>Возврат</p>'.encode("koi8-r"))
    assert read(declared)[0].text == "Возврат"
    wrongly = write("b.html", '<meta charset="latin-1"><p>Größe</p>')
    assert read(wrongly)[0].text == "Größe"


def test_a_pdf_is_read_page_by_page(write, read, pdf):
    lines = "A line that is as long as the page is wide and so flows infor-\nmally into the next. Short.\nNew one."
    passages = read(write("manual.pdf", pdf([lines, "Second (page)."], title="Kettle manual")))
    assert [(each.page, each.title) for each in passages] == [(1, "Kettle manual"), (2, "Kettle manual")]
    assert "flows informally into the next" in passages[0].text
    assert passages[1].text == "Second (page)."


def test_a_word_document_is_read_with_insertions_and_content_controls(write, read, tmp_path):
    document = docx.Document()
    document.add_heading("Warranty", 0)
    document.add_paragraph("Two years.")
    mine = document.styles.add_style("House heading", docx.enum.style.WD_STYLE_TYPE.PARAGRAPH)
    mine.base_style = document.styles["Heading 1"]
    document.add_paragraph("Claims", style="House heading")
    inserted = document.add_paragraph("Send ")
    inserted._p.append(_xml('<w:ins><w:r><w:t xml:space="preserve">the receipt</w:t></w:r></w:ins>'))
    inserted._p.append(_xml("<w:del><w:r><w:delText>nothing</w:delText></w:r></w:del>"))
    document.add_paragraph("one", style="List Bullet")
    document.add_paragraph("two", style="List Bullet")
    controlled = "<w:sdt><w:sdtContent><w:p><w:r><w:t>Controlled.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    document.element.body.insert(-1, _xml(controlled))
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("Part", "Years", "Lid", "5"), strict=True):
        cell.text = text
    table.rows[0]._tr.get_or_add_trPr().append(_xml("<w:tblHeader/>"))
    table.cell(1, 1).add_table(1, 1).cell(0, 0).text = "6"
    path = tmp_path / "warranty.docx"
    document.save(str(path))
    first, second = read(path)
    assert (first.title, first.text) == ("Warranty", "Two years.")
    assert (second.title, second.heading) == ("Warranty › Claims", ("Warranty", "Claims"))
    assert second.text == "Send the receipt\n\n- one\n- two\n\nControlled.\n\nPart: Lid | Years: 5 6"


def _xml(markup):
    from docx.oxml import parse_xml

    name = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    return parse_xml(
        markup.replace(">", f' xmlns:w="{name}">', 1).replace(f'/ xmlns:w="{name}">', f' xmlns:w="{name}"/>')
    )


def test_plain_text_is_the_files_own(write, read):
    content = "\n\n  First para,\nline two.\n \t\n\nSecond.\n"
    (passage,) = read(write("notes.txt", content))
    assert passage.text == "First para,\nline two.\n \t\n\nSecond."
    assert (passage.start, passage.title) == (4, "notes")
    assert plain_text(write("windows.txt", "One.\r\n\r\nTwo.\r\n")) == "One.\n\nTwo."


def test_rows_are_questions_with_their_answers(write, read):
    path = write("faq.csv", 'id,Question,answer,topic,page\nq1,How?,"Like\nthis.",tea,7\n,Why?,Because.,,\n')
    first, second = read(path)
    assert (first.title, first.text, first.key, first.kind) == ("How?", "Like\nthis.", "q1", "faq")
    assert first.metadata == {"topic": "tea", "row_page": "7"}
    assert (second.title, second.text, second.key, second.metadata) == ("Why?", "Because.", "", {})
    assert plain_text(path) == "\n\nHow?\nLike\nthis.\n\nWhy?\nBecause."


def test_rows_may_be_titles_with_texts_in_any_form(write, read):
    (line,) = read(write("a.jsonl", '\n{"title": "T", "text": "Body.", "tags": ["a", "b"], "n": 2}\n'))
    assert (line.title, line.text, line.metadata) == ("T", "Body.", {"tags": ["a", "b"], "n": 2})
    (untitled,) = read(write("b.tsv", "text\tyear\nBody.\t2026\n"))
    assert (untitled.title, untitled.text, untitled.metadata) == ("b", "Body.", {"year": "2026"})


def test_a_long_answer_is_cut_and_keeps_its_question(write, read):
    row = "q,Why?,how come|what for," + "Because it is so. " * 50
    passages = read(write("a.csv", f"id,question,also,answer\n{row}\n"), size=200)
    assert len(passages) > 4
    assert {each.title for each in passages} == {"Why?"}
    assert [each.metadata for each in passages[:2]] == [{"also": ["how come", "what for"]}, {}]


def test_a_question_may_have_other_wordings(write, read):
    path = write(
        "faq.csv", 'question,Also,answer\nWhy?,"how come | what for |how come\nwhats that about",So.\nHow?,,So.\n'
    )
    first, second = read(path)
    assert (first.metadata, second.metadata) == ({"also": ["how come", "what for", "whats that about"]}, {})
    lines = (
        '{"question": "Why?", "answer": "So.", "also": ["how come", " "]}\n'
        '{"question": "A", "answer": "B", "also": 7}\n'
    )
    told = Told()
    (line,) = split(read_blocks(write("faq.jsonl", lines), None, told))
    assert line.metadata == {"also": ["how come"]}
    assert "also: must be text or a list of texts" in told.left_out[0]


def test_every_ending_has_a_reader_and_no_library_is_imported_before_its_file_comes():
    code = (
        "import sys; from verticals.contract import resolve; from verticals.retrieval.reading.kinds import KINDS\n"
        "for _, reader in KINDS.values(): resolve(f'verticals.retrieval.reading.{reader}:read')\n"
        "print({'lxml', 'pypdf', 'docx', 'markdown_it', 'pyarrow', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert ".md" in KINDS
