import pytest

from verticals_customer_service.dialogues.plain import plain


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Hello", "Hello"),
        ("<p>Hi Ann,</p><p>it&#39;s <b>here</b> &amp; ready.<br>Bye</p>", "Hi Ann,\nit's here & ready.\nBye"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("<style>p {color: red}</style><div>seen</div><script>alert(1)</script>", "seen"),
        ("<table><tr><td>Size</td><td>28 cm</td></tr></table>", "Size 28 cm"),
        ('<img src="x.png" alt="a broken vase"> look', "a broken vase look"),
        ("I <3 it, 3 < 4 and a > b", "I <3 it, 3 < 4 and a > b"),
        ("write to <ann@mail.example>, <br/>please", "write to <ann@mail.example>,\nplease"),
        ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
        ("R&D costs; fish&chips", "R&D costs; fish&chips"),
        ("it works 🎉👍🏽 – 谢谢！", "it works 🎉👍🏽 – 谢谢！"),
        ("zero\u200bwidth and\u00a0hard  spaces\tand tabs", "zerowidth and hard spaces and tabs"),
        ("line one\r\n\r\n  line two  \n", "line one\nline two"),
        ("电话１３８００１３８０００＠", "电话13800138000@"),
        ("<![endif]--> <p>still read</p>", "<![endif]-->\nstill read"),
        ("<div><p>never closed", "never closed"),
        ("   ", ""),
    ],
)
def test_what_a_reader_sees_is_kept(written, read):
    assert plain(written) == read
