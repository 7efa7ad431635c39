"""The variables in which litellm looks for the keys of its providers (litellm 1.110)."""

from __future__ import annotations

from typing import Final

from eager_kernel.sources.needs import Needs
from eager_kernel.sources.source import Options


def needs(name: str, options: Options) -> Needs | None:
    """Say what ``litellm/PROVIDER/NAME`` needs; None for a provider that is not in the table."""
    provider, slash, _ = name.partition("/")
    usual = _KEYS.get(provider) if slash else None
    settings = tuple(sorted({f"{key.partition('_')[0]}_*" for key in (usual or "").split()}))
    settings += ("LITELLM_*", *_MORE.get(provider, "").split())
    if options.credential is not None:
        return Needs((options.credential,), settings)
    if options.api_base is not None:
        return Needs((), settings)  # another server gets a key only if one is named for it
    return None if usual is None else Needs(tuple(usual.split()), settings)


_AWS: Final = (
    "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_BEARER_TOKEN_BEDROCK "
    "AWS_SHARED_CREDENTIALS_FILE AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_AUTHORIZATION_TOKEN "
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE AWS_CONTAINER_CREDENTIALS_FULL_URI "
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
)
_AZURE: Final = (
    "AZURE_API_KEY AZURE_OPENAI_API_KEY AZURE_AD_TOKEN AZURE_CLIENT_SECRET AZURE_PASSWORD "
    "AZURE_CREDENTIAL AZURE_CERTIFICATE_PASSWORD AZURE_FEDERATED_TOKEN_FILE"
)
_GOOGLE: Final = "GOOGLE_APPLICATION_CREDENTIALS VERTEXAI_CREDENTIALS VERTEX_CREDENTIALS"

_KEYS: Final = {
    "abliteration": "ABLITERATION_API_KEY",
    "ai21": "AI21_API_KEY",
    "ai21_chat": "AI21_API_KEY",
    "aihubmix": "AIHUBMIX_API_KEY",
    "aiml": "AIML_API_KEY AIMLAPI_KEY",
    "aleph_alpha": "ALEPH_ALPHA_API_KEY ALEPHALPHA_API_KEY",
    "amazon_nova": "AMAZON_NOVA_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN",
    "anthropic_text": "ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN",
    "anyscale": "ANYSCALE_API_KEY",
    "apertis": "STIMA_API_KEY",
    "assemblyai": "ASSEMBLYAI_API_KEY",
    "azure": _AZURE,
    "azure_ai": f"AZURE_AI_API_KEY {_AZURE}",
    "azure_text": _AZURE,
    "baseten": "BASETEN_API_KEY",
    "bedrock": _AWS,
    "bedrock_mantle": f"BEDROCK_MANTLE_API_KEY {_AWS}",
    "bigmodel": "BIGMODEL_API_KEY",
    "bytez": "BYTEZ_API_KEY",
    "cerebras": "CEREBRAS_API_KEY",
    "chutes": "CHUTES_API_KEY",
    "clarifai": "CLARIFAI_API_KEY CLARIFAI_PAT",
    "clf_ai_gateway": "CLF_AI_GATEWAY_API_KEY",
    "cloudflare": "CLOUDFLARE_API_KEY",
    "codestral": "CODESTRAL_API_KEY",
    "cohere": "COHERE_API_KEY CO_API_KEY",
    "cohere_chat": "COHERE_API_KEY CO_API_KEY",
    "cometapi": "COMETAPI_API_KEY COMETAPI_KEY",
    "compactifai": "COMPACTIFAI_API_KEY",
    "crusoe": "CRUSOE_API_KEY",
    "dashscope": "DASHSCOPE_API_KEY",
    "databricks": "DATABRICKS_API_KEY DATABRICKS_TOKEN DATABRICKS_CLIENT_SECRET",
    "datarobot": "DATAROBOT_API_TOKEN",
    "deepinfra": "DEEPINFRA_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "docker_model_runner": "DOCKER_MODEL_RUNNER_API_KEY",
    "edenai": "EDENAI_API_KEY",
    "empower": "EMPOWER_API_KEY",
    "featherless_ai": "FEATHERLESS_AI_API_KEY FEATHERLESS_API_KEY",
    "fireworks_ai": "FIREWORKS_AI_API_KEY FIREWORKS_API_KEY FIREWORKSAI_API_KEY FIREWORKS_AI_TOKEN",
    "friendliai": "FRIENDLIAI_API_KEY FRIENDLI_TOKEN",
    "galadriel": "GALADRIEL_API_KEY",
    "gemini": "GEMINI_API_KEY GOOGLE_API_KEY",
    "gigachat": "GIGACHAT_API_KEY GIGACHAT_CREDENTIALS GIGACHAT_ACCESS_TOKEN",
    "github": "GITHUB_API_KEY",
    "gmi": "GMI_API_KEY",
    "gradient_ai": "GRADIENT_AI_API_KEY",
    "groq": "GROQ_API_KEY",
    "helicone": "HELICONE_API_KEY",
    "heroku": "HEROKU_API_KEY",
    "hosted_vllm": "HOSTED_VLLM_API_KEY",
    "huggingface": "HUGGINGFACE_API_KEY HF_TOKEN",
    "hyperbolic": "HYPERBOLIC_API_KEY",
    "inception": "INCEPTION_API_KEY",
    "infinity": "INFINITY_API_KEY",
    "jina_ai": "JINA_AI_API_KEY JINA_API_KEY JINA_AI_TOKEN",
    "lambda_ai": "LAMBDA_API_KEY",
    "lemonade": "LEMONADE_API_KEY",
    "litellm_proxy": "LITELLM_PROXY_API_KEY",
    "llamafile": "LLAMAFILE_API_KEY",
    "llamagate": "LLAMAGATE_API_KEY",
    "lm_studio": "LM_STUDIO_API_KEY",
    "maritalk": "MARITALK_API_KEY",
    "meta_llama": "LLAMA_API_KEY META_API_KEY",
    "minimax": "MINIMAX_API_KEY",
    "mistral": "MISTRAL_API_KEY MISTRAL_AZURE_API_KEY",
    "modelscope": "MODELSCOPE_API_KEY",
    "moonshot": "MOONSHOT_API_KEY",
    "morph": "MORPH_API_KEY",
    "nano-gpt": "NANOGPT_API_KEY",
    "nebius": "NEBIUS_API_KEY",
    "nlp_cloud": "NLP_CLOUD_API_KEY",
    "novita": "NOVITA_API_KEY",
    "nscale": "NSCALE_API_KEY",
    "nvidia_nim": "NVIDIA_NIM_API_KEY NVIDIA_API_KEY",
    "oci": "OCI_API_KEY OCI_KEY OCI_KEY_FILE",
    "ollama": "OLLAMA_API_KEY",
    "ollama_chat": "OLLAMA_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openai_like": "OPENAI_LIKE_API_KEY",
    "openrouter": "OPENROUTER_API_KEY OR_API_KEY",
    "ovhcloud": "OVHCLOUD_API_KEY",
    "palm": "PALM_API_KEY",
    "perplexity": "PERPLEXITYAI_API_KEY PERPLEXITY_API_KEY",
    "poe": "POE_API_KEY",
    "predibase": "PREDIBASE_API_KEY",
    "publicai": "PUBLICAI_API_KEY",
    "qwencloud": "QWENCLOUD_API_KEY",
    "replicate": "REPLICATE_API_KEY REPLICATE_API_TOKEN",
    "sagemaker": _AWS,
    "sagemaker_chat": _AWS,
    "sambanova": "SAMBANOVA_API_KEY",
    "sarvam": "SARVAM_API_KEY",
    "scaleway": "SCW_SECRET_KEY",
    "snowflake": "SNOWFLAKE_JWT",
    "synthetic": "SYNTHETIC_API_KEY",
    "tencent": "TENCENT_API_KEY",
    "text-completion-codestral": "CODESTRAL_API_KEY",
    "text-completion-openai": "OPENAI_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY TOGETHER_AI_API_KEY TOGETHER_API_KEY TOGETHER_AI_TOKEN",
    "v0": "V0_API_KEY",
    "venice": "VENICE_API_KEY",
    "veniceai": "VENICE_AI_API_KEY",
    "vercel_ai_gateway": "VERCEL_AI_GATEWAY_API_KEY VERCEL_OIDC_TOKEN",
    "vertex_ai": _GOOGLE,
    "vertex_ai_beta": _GOOGLE,
    "vllm": "VLLM_API_KEY HOSTED_VLLM_API_KEY",
    "volcengine": "VOLCENGINE_API_KEY ARK_API_KEY",
    "voyage": "VOYAGE_API_KEY VOYAGE_AI_API_KEY VOYAGE_AI_TOKEN",
    "wandb": "WANDB_API_KEY",
    "watsonx": "WATSONX_API_KEY WATSONX_APIKEY WATSONX_TOKEN WATSONX_ZENAPIKEY WX_API_KEY",
    "watsonx_text": "WATSONX_API_KEY WATSONX_APIKEY WATSONX_TOKEN WATSONX_ZENAPIKEY WX_API_KEY",
    "xai": "XAI_API_KEY",
    "xinference": "XINFERENCE_API_KEY",
    "zai": "ZAI_API_KEY",
}
_MORE: Final = {
    "cloudflare": "CLOUDFLARE_ACCOUNT_ID",
    "vertex_ai": "CLOUDSDK_* GCLOUD_*",
    "vertex_ai_beta": "CLOUDSDK_* GCLOUD_*",
    "watsonx": "WML_URL WX_*",
    "watsonx_text": "WML_URL WX_*",
}
"""Settings whose names begin otherwise than those of the keys."""

ALL_KEYS: Final = tuple(sorted({key for keys in _KEYS.values() for key in keys.split()}))
"""Every variable of the table."""
