"""Forms of keys that providers document or their clients show, by kind. A group, where there is one, is what is cut.

Each kind has a word without which its pattern is not even tried, so that a text without any costs one pass.
"""

from __future__ import annotations

import re

_START, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"

# kind: (what must stand in the text, in small letters; several with |), the pattern
_FORMS: dict[str, tuple[str, str]] = {
    "jwt": ("eyj", r"eyJ[A-Za-z0-9_=-]{8,}\.(?:eyJ|[A-Za-z0-9])[A-Za-z0-9_=-]{8,}\.[A-Za-z0-9_.=/+-]{8,}"),
    "jwt-base64": ("zxlk", r"ZXlK[A-Za-z0-9+/_-]{60,}={0,2}"),
    "aws-access-key": ("akia|asia|abia|acca|a3t", r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    "aws-bedrock-key": ("absk|bedrock-api-key-", r"(?:ABSK[A-Za-z0-9+/]{109,269}={0,2}|bedrock-api-key-[A-Za-z0-9+/=_-]{12,})"),
    "github-token": ("gho_|ghp_|ghu_|ghs_|ghr_|github_pat_", r"(?:gh[oprsu]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255})"),
    "gitlab-token": ("gl", r"(?:gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[\w.=-]{20,300}|_gitlab_session=[0-9a-z]{32}|GR1348941[\w-]{20})"),
    "slack-token": ("xox|xapp-", r"(?:xox[a-z](?:-\d{8,14}){1,3}-[A-Za-z0-9-]{6,64}|xox[aors]-(?=[A-Za-z-]*\d)[0-9A-Za-z-]{14,64}|(?i:xoxe\.xox[bp])-\d-[A-Za-z0-9]{100,200}|xoxe-\d-[A-Za-z0-9]{100,200}|(?i:xapp)-\d-[A-Za-z0-9]+-\d+-[A-Za-z0-9]+)"),
    "slack-webhook": ("hooks.slack", r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/]{30,60})"),
    "teams-webhook": ("webhook.office", r"webhook\.office\.com/webhookb2/([\w@./-]{60,200})"),
    "discord-webhook": ("discord", r"discord(?:app)?\.com/api/webhooks/(\d{17,20}/[\w-]{60,72})"),
    "discord-token": (".", r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}"),
    "openai-key": ("sk-", r"sk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{20,200}T3BlbkFJ[A-Za-z0-9_-]{20,200}|sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,200}|sk-[A-Za-z0-9]{48}"),
    "anthropic-key": ("sk-ant-", r"sk-ant-[a-z]{3,8}\d{2}-[\w-]{60,130}"),
    "openrouter-key": ("sk-or-", r"sk-or-v1-[0-9a-f]{64}"),
    "google-api-key": ("aiza", r"AIza[\w-]{35}"),
    "google-oauth": ("ya29.|gocspx-|1//0", r"(?:ya29\.[\w-]{20,300}|GOCSPX-[\w-]{28}|1//0[\w-]{40,120})"),
    "stripe-key": ("k_test_|k_live_|k_prod_|whsec_", r"(?:(?:sk|rk)_(?:test|live|prod)_[A-Za-z0-9]{10,250}|whsec_[A-Za-z0-9+/]{24,64})"),
    "twilio-key": ("sk", r"(?-i:SK)[0-9a-fA-F]{32}"),
    "sendgrid-key": ("sg.", r"SG\.[\w=.-]{60,70}"),
    "sendinblue-key": ("xkeysib-", r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    "mailgun-key": ("key-|pubkey-", r"(?:pub)?key-[0-9a-f]{32}"),
    "mailchimp-key": ("-us", r"[0-9a-f]{32}-us\d{1,2}"),
    "npm-token": ("npm_", r"npm_[A-Za-z0-9]{36}"),
    "npm-auth": ("_auth", r"_auth(?:Token)?\s?=\s?[\"']?([\w./+=-]{20,300})"),
    "pypi-token": ("pypi-ageichlwas5vcmc", r"pypi-AgEIcHlwaS5vcmc[\w-]{50,1000}"),
    "pypi-token-test": ("pypi-agen", r"pypi-AgEN[\w-]{50,1000}"),
    "rubygems-key": ("rubygems_", r"rubygems_[0-9a-f]{48}"),
    "clojars-token": ("clojars_", r"(?i:CLOJARS_)[a-z0-9]{60}"),
    "huggingface-token": ("hf_|api_org_", r"(?:hf_(?=[a-z]*[A-Z])[A-Za-z0-9]{30,40}|api_org_[A-Za-z]{34})"),
    "digitalocean-token": ("_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    "shopify-token": ("shp", r"shp(?:at|ca|pa|ss|tka)_[0-9a-fA-F]{32}"),
    "square-token": ("sq0|eaaa", r"(?:sq0[a-z]{3}-[\w-]{22,43}|EAAA[\w+=-]{56,80})"),
    "telegram-token": (":a", r"\d{8,10}:A[A-Za-z0-9_-]{34}"),
    "databricks-token": ("dapi", r"dapi[0-9a-h]{32}(?:-\d)?"),
    "linear-key": ("lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    "notion-token": ("ntn_|secret_", r"(?:ntn_[A-Za-z0-9]{40,50}|secret_[A-Za-z0-9]{43})"),
    "newrelic-key": ("nr", r"NR(?:AK|JS|II|IQ|RA)-[A-Za-z0-9_-]{19,40}|nrii-[a-z0-9-]{32}|nrjs-[0-9a-f]{19}"),
    "grafana-token": ("glc_|glsa_|eyjrijoi", r"(?:glc_[A-Za-z0-9+/]{32,400}={0,3}|glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|eyJrIjoi[A-Za-z0-9]{70,400}={0,3})"),
    "vault-token": ("hvs.|hvb.|s.", r"hv[sb]\.[\w-]{50,300}|s\.(?=[A-Za-z]*\d)[A-Za-z0-9]{24}"),
    "terraform-token": (".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}"),
    "doppler-token": ("dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{38,60}"),
    "flyio-token": ("fo1_|fm1|fm2_", r"(?:fo1_[\w-]{43}|fm1[ar]_[A-Za-z0-9+/]{100,}={0,3}|fm2_[A-Za-z0-9+/]{100,}={0,3})"),
    "planetscale-token": ("pscale_", r"pscale_(?:tkn|oauth|pw|api)_[\w=.-]{32,64}"),
    "postman-key": ("pmak-", r"PMAK-[0-9a-fA-F]{24}-[0-9a-fA-F]{34}"),
    "pulumi-token": ("pul-", r"pul-[0-9a-f]{40}"),
    "readme-key": ("rdme_", r"rdme_[a-z0-9]{70}"),
    "sentry-token": ("sntry", r"sntry[su]_[A-Za-z0-9+/=_-]{50,400}"),
    "tailscale-key": ("tskey-", r"tskey-[a-z]+-[A-Za-z0-9]+-[A-Za-z0-9]+"),
    "azure-secret": ("q~", r"[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
    "azure-storage-key": ("accountkey=|sharedaccesskey=", r"(?i:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,90}={0,2})"),
    "azure-signature": ("sig=", r"[?&]sig=([A-Za-z0-9%+/]{40,100}(?:%3D|=)?)"),
    "onepassword-key": ("a3-|ops_ey", r"(?:A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}|ops_eyJ[A-Za-z0-9+/_-]{100,}={0,3})"),
    "artifactory-key": ("akcp|cmvmdgtu", r"(?:AKCp[A-Za-z0-9]{69}|cmVmdGtu[A-Za-z0-9]{56})"),
    "cloudflare-key": ("v1.0-", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}"),
    "age-key": ("age-secret-key-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    "alibaba-key": ("ltai", r"LTAI[A-Za-z0-9]{20}"),
    "facebook-token": ("eaa", r"EAA[MC][A-Za-z0-9]{100,400}"),
    "facebook-app-token": ("facebook", r"\d{15,16}(?:\||%)[\w-]{27,40}"),
    "adobe-secret": ("p8e-|p8", r"p8e-[A-Za-z0-9]{32}"),
    "atlassian-token": ("atatt3", r"ATATT3[\w=-]{180,200}"),
    "dropbox-token": ("sl.", r"sl\.[A-Za-z0-9_=-]{130,152}"),
    "duffel-key": ("duffel_", r"duffel_(?:test|live)_[\w=-]{43}"),
    "dynatrace-token": ("dt0c01.", r"dt0c01\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}"),
    "easypost-key": ("ezak|eztk", r"EZ[AT]K[A-Za-z0-9]{54}"),
    "flutterwave-key": ("flw", r"FLW(?:SECK|PUBK)(?:_TEST)?-[0-9a-zA-Z]{12,32}-X|FLWSECK_TEST-?[a-h0-9]{12}"),
    "frameio-token": ("fio-u-", r"fio-u-[\w=-]{64}"),
    "harness-key": ("pat.|sat.", r"[ps]at\.[\w-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}"),
    "heroku-key": ("hrku-", r"HRKU-AA[\w-]{58}"),
    "infracost-key": ("ico-", r"(?<!\.)ico-[A-Za-z0-9]{32}"),
    "intra42-secret": ("s-s4t2", r"s-s4t2(?:ud|af)-[0-9a-f]{64}"),
    "mapbox-token": ("pk.|sk.", r"[ps]k\.[A-Za-z0-9]{60}\.[A-Za-z0-9]{22}"),
    "maxmind-key": ("_mmk", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
    "netlify-token": ("nfp_", r"nfp_[A-Za-z0-9]{36}"),
    "octopus-key": ("api-", r"API-[A-Z0-9]{26}"),
    "openshift-token": ("sha256~", r"sha256~[\w-]{43}"),
    "perplexity-key": ("pplx-", r"pplx-[A-Za-z0-9]{48}"),
    "groq-key": ("gsk_|xai-", r"(?:gsk_[A-Za-z0-9]{52}|xai-[A-Za-z0-9]{80})"),
    "prefect-key": ("pnu_|pnb_", r"pn[ub]_[A-Za-z0-9]{36}"),
    "replicate-key": ("r8_", r"r8_[A-Za-z0-9]{37}"),
    "scalingo-token": ("tk-us-", r"tk-us-[\w-]{48}"),
    "settlemint-token": ("sm_", r"sm_(?:pat|aat|sat)_[A-Za-z0-9]{16}"),
    "shippo-token": ("shippo_", r"shippo_(?:live|test)_[0-9a-fA-F]{40}"),
    "sonar-token": ("sq", r"sq[upa]_[A-Za-z0-9_=-]{40}"),
    "sourcegraph-token": ("sgp_|slk_", r"(?:sgp_(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40}|slk_[0-9a-f]{64})"),
    "typeform-token": ("tfp_", r"tfp_[\w.=-]{59}"),
    "yandex-key": ("aqvn|yc|t1.", r"(?:AQVN[\w-]{35,38}|YC[\w-]{38}|t1\.[A-Z0-9a-z_-]+={0,2}\.[\w-]{86}={0,2})"),
    "defined-token": ("dnkey-", r"dnkey-[\w=-]{26}-[\w=-]{52}"),
    "endor-token": ("endr+", r"endr\+[A-Za-z0-9-]{16}"),
    "clickhouse-key": ("4b1d", r"4b1d[A-Za-z0-9]{38}"),
    "cloudinary-url": ("cloudinary://", r"cloudinary://\d{10,20}:([\w-]{20,40})@"),
    "sidekiq-secret": ("contribsys", r"(?:bundle_(?:enterprise|gems)__contribsys__com[\"':=\s]{1,12}|://)([0-9a-f]{8}:[0-9a-f]{8})"),
    "backscroll-key": ("osk_", r"osk_[A-Za-z0-9_-]{32}"),
}  # fmt: skip

PROVIDERS: dict[str, re.Pattern[str]] = {
    kind: re.compile(_START + f"(?:{pattern})" + _END) for kind, (_, pattern) in _FORMS.items()
}
KEYWORDS: dict[str, tuple[str, ...]] = {}
for _kind, (_words, _) in _FORMS.items():
    for _word in _words.split("|"):
        KEYWORDS[_word] = (*KEYWORDS.get(_word, ()), _kind)
