"""Makes ONNX models as exporters write them, and what ONNX Runtime computes from them. Argument: the folder to fill."""

import json
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

rng = np.random.default_rng(0)
out = sys.argv[1]
def save(name,nodes,inp,inits,opset,outs=['y']):
    g=h.make_graph(nodes,name,[h.make_tensor_value_info('x',T.FLOAT,inp)],[h.make_tensor_value_info(o,T.FLOAT,None) for o in outs],[nh.from_array(v,k) for k,v in inits.items()])
    m=h.make_model(g,opset_imports=[h.make_opsetid('',opset)],ir_version=8)
    m=onnx.shape_inference.infer_shapes(m)
    onnx.save(m,f'{out}/{name}.onnx')
    x=rng.standard_normal([d if isinstance(d,int) else 1 for d in inp]).astype(np.float32)
    r=ort.InferenceSession(m.SerializeToString()).run(None,{'x':x})
    json.dump({'x':x.ravel().tolist(),'shape':list(x.shape),'y':[a.astype(np.float64).ravel().tolist() for a in r],'yshape':[list(a.shape) for a in r],'names':outs},open(f'{out}/{name}.json','w'))
f=lambda *s: rng.standard_normal(s).astype(np.float32)
N=h.make_node
# cnn with flatten + gemm, channels matter
save('cnn',[N('Conv',['x','w','b'],['a'],pads=[1,1,1,1]),N('BatchNormalization',['a','s','t','m','v'],['c']),N('Relu',['c'],['d']),N('MaxPool',['d'],['e'],kernel_shape=[2,2],strides=[2,2]),N('Flatten',['e'],['f']),N('Gemm',['f','g','gb'],['h'],transB=1),N('Softmax',['h'],['y'],axis=1)],['N',3,8,6],dict(w=f(4,3,3,3),b=f(4),s=f(4),t=f(4),m=f(4),v=np.abs(f(4)),g=f(5,48),gb=f(5)),13)
# pytorch view with shape ops
save('view',[N('Conv',['x','w'],['a']),N('Relu',['a'],['b']),N('Shape',['b'],['s']),N('Constant',[],['i0'],value=nh.from_array(np.array(0))),N('Gather',['s','i0'],['g'],axis=0),N('Unsqueeze',['g','ax'],['u']),N('Constant',[],['m1'],value=nh.from_array(np.array([-1]))),N('Concat',['u','m1'],['sh'],axis=0),N('Reshape',['b','sh'],['r']),N('Gemm',['r','k'],['y'],transB=1)],[1,2,6,6],dict(w=f(3,2,3,3),ax=np.array([0]),k=f(4,48)),13)
# SE block + hardswish decomposed + depthwise
save('se',[N('Conv',['x','w'],['a'],group=4,pads=[1,1,1,1]),N('GlobalAveragePool',['a'],['p']),N('Conv',['p','w1','b1'],['q']),N('Relu',['q'],['q2']),N('Conv',['q2','w2'],['r']),N('HardSigmoid',['r'],['g'],alpha=1/6,beta=0.5),N('Mul',['g','a'],['z']),N('HardSwish',['z'],['h']),N('ReduceMean',['h'],['y'],axes=[2,3],keepdims=0)],[1,4,5,7],dict(w=f(4,1,3,3),w1=f(2,4,1,1),b1=f(2),w2=f(4,2,1,1)),14)
# conv1d + transpose + lstm
save('lstm',[N('Conv',['x','w'],['a'],pads=[1,1]),N('Relu',['a'],['b']),N('Transpose',['b'],['t'],perm=[2,0,1]),N('LSTM',['t','W','R','B'],['o','hh','cc'],hidden_size=5,direction='bidirectional'),N('Transpose',['hh'],['ht'],perm=[1,0,2]),N('Reshape',['ht','sh'],['flat']),N('Gemm',['flat','g'],['y'],transB=1)],[1,3,10],dict(w=f(4,3,3),W=f(2,20,4),R=f(2,20,5),B=f(2,40),sh=np.array([1,-1]),g=f(3,10)),13)
save('gru',[N('GRU',['x','W','R','B'],['o','y'],hidden_size=6,linear_before_reset=1)],[7,2,4],dict(W=f(1,18,4),R=f(1,18,6),B=f(1,36)),14)
# tf2onnx style NHWC in, transpose, conv, transpose back
save('nhwc',[N('Transpose',['x'],['t'],perm=[0,3,1,2]),N('Conv',['t','w'],['c'],auto_pad='SAME_UPPER',strides=[2,2]),N('Add',['c','bb'],['d']),N('Clip',['d','lo','hi'],['e']),N('Transpose',['e'],['y'],perm=[0,2,3,1])],[1,9,7,2],dict(w=f(3,2,3,3),bb=f(1,3,1,1),lo=np.float32(0),hi=np.float32(6)),13)
# unet-like: resize, concat, convtranspose, pad, slice
save('unet',[N('Conv',['x','w'],['a'],strides=[2,2],pads=[1,1,1,1]),N('ConvTranspose',['a','wt'],['u'],strides=[2,2],kernel_shape=[2,2]),N('Resize',['a','','sc'],['r'],mode='nearest',coordinate_transformation_mode='asymmetric',nearest_mode='floor'),N('Resize',['a','','sc'],['l'],mode='linear',coordinate_transformation_mode='half_pixel'),N('Concat',['u','r','l','x'],['c'],axis=1),N('LeakyRelu',['c'],['d'],alpha=0.2),N('Slice',['d','st','en','axs'],['y'])],[1,2,8,8],dict(w=f(3,2,3,3),wt=f(3,2,2,2),sc=np.array([1,1,2,2],np.float32),st=np.array([1,2]),en=np.array([9,100]),axs=np.array([1,3])),13)
# attention-like
save('attn',[N('MatMul',['x','q'],['Q']),N('MatMul',['x','k'],['K']),N('Transpose',['K'],['KT'],perm=[0,2,1]),N('MatMul',['Q','KT'],['s']),N('Softmax',['s'],['p'],axis=-1),N('MatMul',['p','Q'],['o']),N('LayerNormalization',['o','g','b'],['y'],axis=-1)],[2,5,6],dict(q=f(6,6),k=f(6,6),g=f(6),b=f(6)),17)
save('pixelshuffle',[N('Conv',['x','w'],['a'],pads=[1,1,1,1]),N('DepthToSpace',['a'],['y'],blocksize=2,mode='CRD')],[1,2,4,5],dict(w=f(8,2,3,3)),13)
save('ceil',[N('AveragePool',['x'],['a'],kernel_shape=[3,3],strides=[2,2],ceil_mode=1),N('MaxPool',['a'],['y'],kernel_shape=[2,2],strides=[2,2],ceil_mode=1)],[1,2,10,9],{},13)
save('reduce',[N('Conv',['x','w'],['a']),N('ReduceMax',['a'],['m'],axes=[1],keepdims=1),N('ReduceSum',['a','ax'],['s'],keepdims=1),N('Mul',['a','m'],['b']),N('Sub',['b','s'],['c']),N('ReduceMean',['c'],['y'],axes=[1],keepdims=0)],[1,2,6,6],dict(w=f(3,2,3,3),ax=np.array([2])),13)
# recurrent layers as PyTorch exports them with batch_first: states of zeros made of the input's shape, the direction squeezed
def torch_recurrent(name,op,gates,more,attributes,last):
    states=[N('Shape',['x'],['xs']),N('Gather',['xs','zero'],['n0'],axis=0),N('Unsqueeze',['n0','zero1'],['n']),N('Concat',['one','n','hid'],['hs'],axis=0),N('ConstantOfShape',['hs'],['h0'],value=nh.from_array(np.zeros(1,np.float32)))]
    nodes=states+[N('Transpose',['x'],['t'],perm=[1,0,2]),N(op,['t','W','R','B','']+['h0']*more,['o','hn']+(['cn'] if more==2 else []),hidden_size=5,**attributes),N('Squeeze',['o','one'],['s']),N('Transpose',['s'],['b'],perm=[1,0,2])]
    tail=[N('Gather',['b','minus'],['f'],axis=1)] if last=='gather' else [N('Squeeze',['hn','zero1'],['f'])]
    save(name,nodes+tail+[N('Gemm',['f','g','gb'],['y'],transB=1)],[1,6,4],dict(W=f(1,5*gates,4),R=f(1,5*gates,5),B=f(1,10*gates),zero=np.array(0),zero1=np.array([0]),one=np.array([1]),hid=np.array([5]),minus=np.array(-1),g=f(3,5),gb=f(3)),13)
torch_recurrent('torchlstm','LSTM',4,2,{},'hidden')
torch_recurrent('torchlstmlast','LSTM',4,2,{},'gather')
torch_recurrent('torchgru','GRU',3,1,dict(linear_before_reset=1),'gather')
torch_recurrent('torchrnn','RNN',1,1,{},'hidden')
