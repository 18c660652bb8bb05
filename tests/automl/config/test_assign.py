from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from automl.config.assign import escaped

TEXTS = st.text(st.sampled_from("ab${}\\\\'\":.") | st.characters(), max_size=20)


@given(TEXTS)
def test_no_text_is_taken_for_a_reference(text):
    held = OmegaConf.create({"x": escaped({"deep": [text, {text: text}]})})
    assert OmegaConf.to_container(held, resolve=True) == {"x": {"deep": [text, {text: text}]}}
