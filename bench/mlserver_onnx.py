"""The model of MLServer's side of `make bench-serving`: MLServer has no runtime of its own for ONNX."""
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class ONNX(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # more threads would only wait for each other at one row
        path = self.settings.parameters.uri
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]
        return True

    async def predict(self, request: InferenceRequest) -> InferenceResponse:
        label, *probabilities = self.session.run(None, {"input": NumpyCodec.decode_input(request.inputs[0])})
        outputs = [StringCodec.encode_output(self.names[0], label.tolist())]
        outputs += [NumpyCodec.encode_output(name, p) for name, p in zip(self.names[1:], probabilities)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
