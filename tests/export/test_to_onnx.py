def test_x(exported):
    print((exported / "model.toml").read_text())
    for f in sorted(exported.iterdir()):
        print(f.name, f.stat().st_size)
    import re

    b = (exported / "tagger.int8.onnx").read_bytes()
    print(set(re.findall(rb'File "[^"]{1,80}"', b)), b.count(b"/work"), b.count(b"/tmp/"))
