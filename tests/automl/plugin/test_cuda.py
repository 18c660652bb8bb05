import pytest

from automl.plugin import is_cuda_oom


class OutOfMemoryError(RuntimeError):
    pass


def test_the_error_of_torch_is_told_by_its_class_wherever_it_stands():
    torch = pytest.importorskip("torch")
    assert is_cuda_oom(torch.OutOfMemoryError("anything"))
    assert is_cuda_oom(torch.cuda.OutOfMemoryError())


@pytest.mark.parametrize(
    "text",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 15.90 GiB total capacity)",
        "CUDA error: out of memory\nCUDA kernel errors might be reported asynchronously",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_libraries_below_torch_are_told_by_their_text(text):
    assert is_cuda_oom(RuntimeError(text))
    assert not is_cuda_oom(ValueError(text))


def test_an_error_that_was_raised_from_it_is_one_too():
    error = ValueError("the fit failed")
    error.__cause__ = RuntimeError("CUDA out of memory")
    assert is_cuda_oom(error)


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError("other"),
        RuntimeError("out of memory"),
        RuntimeError(),
        OSError(12),
    ],
)
def test_other_errors_are_not(error):
    assert not is_cuda_oom(error)


def test_an_error_whose_text_cannot_be_shown_is_no_problem():
    class SilentError(RuntimeError):
        def __str__(self):
            raise ValueError

    assert not is_cuda_oom(SilentError("x"))
