import onnx, onnxruntime
from onnx import numpy_helper
def test_x(exported):
    m=onnx.load(exported/"tagger.int8.onnx")
    for t in m.graph.initializer:
        a=numpy_helper.to_array(t)
        if a.size>100: print(t.name,a.dtype,a.shape,a.min(),a.max())
    s=onnxruntime.InferenceSession(exported/"tagger.int8.onnx")
    for i in [*s.get_inputs(),*s.get_outputs()]: print(i.name,i.shape,i.type)
    print([ (p.key,p.value) for p in m.metadata_props], m.producer_name, m.doc_string)
    print([ (p.key,p.value[:200]) for n in m.graph.node[:5] for p in n.metadata_props], [n.doc_string for n in m.graph.node if n.doc_string][:2])
