import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")

def multi_hot(rows):  # float32 [reviews, features]
    return session.run(["probability"], {"multi_hot": rows})[0].ravel()

def indices(words, offsets):  # int64 [words], int64 [reviews]: where each review begins
    return session.run(["probability"], {"indices": words, "offsets": offsets})[0].ravel()

def ids(sequences):  # int64 [reviews, max_len]: keras.utils.pad_sequences(sequences, max_len)
    return session.run(["probability"], {"ids": sequences})[0].ravel()
