//! An account holder's yes: asked for in a page, redeemed once, renewed, withdrawn.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{ACCOUNT, BACK, LOGIN, PROGRAM, SCOPE, Tokens, World, location, parameter, sub_code};

#[tokio::test]
async fn a_person_allows_in_a_page_or_says_no() {
    let world = World::open().await;
    let path = format!(
        "{LOGIN}/authorize?client_id=sandbox-client&redirect_uri={BACK}&scope={SCOPE}&response_type=code&state=a%26b"
    );
    let page = world.http.get(world.url(&path)).send().await.expect("an answer");
    let kind = page.headers()["content-type"].to_str().expect("a text").to_owned();
    let page = page.text().await.expect("a page");
    assert!(
        kind.starts_with("text/html") && page.contains(">Allow</button>") && page.contains("<form method=\"post\">"),
        "{page}"
    );
    for (button, name, value) in [("allow=yes", "state", "a&b"), ("deny=yes", "error", "access_denied")] {
        let answer = world.http.post(world.url(&path)).body(button).send().await.expect("an answer");
        let url = location(&answer);
        assert_eq!(parameter(&url, name).as_deref(), Some(value), "{url}");
        assert_eq!(parameter(&url, "code").is_some(), button == "allow=yes", "{url}");
    }
    let wrong = [
        ("&response_type=token", "unsupported_response_type"),
        ("&response_type=code&code_challenge=x&code_challenge_method=plain", "invalid_request"),
    ];
    for (more, error) in wrong {
        assert_eq!(parameter(&world.authorize(more).await, "error").as_deref(), Some(error), "{more}");
    }
    let nobody = format!("{LOGIN}/authorize?client_id=x&redirect_uri={BACK}&response_type=code");
    assert_eq!(world.http.get(world.url(&nobody)).send().await.expect("an answer").status(), 400);
    // What a person would press is ordered once for all.
    world.order(json!({ "consent": "auto" })).await;
    assert!(parameter(&world.authorize("&response_type=code").await, "code").is_some());
}

#[tokio::test]
async fn a_code_is_good_once_for_who_asked_for_it() {
    let world = World::open().await;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest("verifier-1"));
    let more = format!("&code_challenge={challenge}&code_challenge_method=S256");
    let redeem = |code: String, more: &'static str| format!("grant_type=authorization_code&code={code}&{more}");
    let right = "redirect_uri=http://127.0.0.1:9/back&code_verifier=verifier-1";
    for wrong in
        ["redirect_uri=http://127.0.0.1:9/other&code_verifier=verifier-1", "redirect_uri=http://127.0.0.1:9/back"]
    {
        let (code, body) = world.form("token", &redeem(world.code(&more).await, wrong)).await;
        assert_eq!((code, &body["error"]), (400, &json!("invalid_grant")), "{wrong}");
    }
    let late = world.code(&more).await;
    world.advance(6).await;
    assert_eq!(world.form("token", &redeem(late, right)).await.0, 400);
    let code = world.code(&more).await;
    let (status, body) = world.form("token", &redeem(code.clone(), right)).await;
    assert_eq!(status, 200, "{body}");
    let token = body["access_token"].as_str().expect("it has a token").to_owned();
    assert_eq!(world.get(&token, &format!("{ACCOUNT}/details")).await.0, 200);
    // Who uses it again has stolen it, or it was stolen from him.
    assert_eq!(world.form("token", &redeem(code, right)).await.0, 400);
    assert_eq!(sub_code(&world.get(&token, &format!("{ACCOUNT}/details")).await), (401, 4012));
}

#[tokio::test]
async fn an_id_token_says_whose_account_it_is() {
    let world = World::open().await;
    let tokens = world.holder().await;
    assert_eq!(tokens.0["refresh_token_expires_in"], 2_592_005);
    let (_, keys) = world.get("none", &format!("{LOGIN}/jwks")).await;
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(keys).expect("a set of keys");
    let id_token = tokens.0["id_token"].as_str().expect("`openid` was asked for");
    let kid = jsonwebtoken::decode_header(id_token).expect("a header").kid.expect("it names its key");
    let key = keys.find(&kid).expect("the key is published");
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_audience(&["sandbox-client"]);
    let key = jsonwebtoken::DecodingKey::from_jwk(key).expect("a key");
    let claims = jsonwebtoken::decode::<Value>(id_token, &key, &validation).expect("it is signed").claims;
    assert_eq!(claims["account_id"], "4366181865108056");
    assert!(["iss", "sub", "exp"].iter().all(|name| !claims[name].is_null()), "{claims}");
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_an_old_one_ends_the_consent() {
    let world = World::open().await;
    let first = world.holder().await;
    let renew =
        async |token: &str| world.form("token", &format!("grant_type=refresh_token&refresh_token={token}")).await;
    world.advance(61).await;
    assert_eq!(sub_code(&world.get(first.access(), &format!("{ACCOUNT}/details")).await), (401, 4016));
    let (code, second) = renew(first.refresh()).await;
    let second = Tokens(second);
    assert_eq!((code, second.refresh() == first.refresh()), (200, false));
    assert_eq!(world.get(second.access(), &format!("{ACCOUNT}/details")).await.0, 200);
    let (code, body) = renew(first.refresh()).await;
    assert_eq!((code, &body["error"]), (400, &json!("invalid_grant")));
    assert_eq!(renew(second.refresh()).await.0, 400, "the whole family is revoked");
    assert_eq!(sub_code(&world.get(second.access(), &format!("{ACCOUNT}/details")).await), (401, 4012));
}

#[tokio::test]
async fn a_consent_ends_when_its_holder_or_the_client_says_so() {
    let world = World::open().await;
    let (one, two) = (world.holder().await, world.holder().await);
    let (code, body) = world.form("revoke", &format!("token_type_hint=refresh_token&token={}", one.refresh())).await;
    assert_eq!((code, body), (200, json!({ "status": "success" })));
    assert_eq!(sub_code(&world.get(one.access(), &format!("{ACCOUNT}/balances")).await), (401, 4012));
    assert_eq!(world.get(two.access(), &format!("{ACCOUNT}/balances")).await.0, 200);
    assert_eq!(world.order(json!({ "revoke_consent": "4366181865108056" })).await["revoked"], 1);
    assert_eq!(sub_code(&world.get(two.access(), &format!("{ACCOUNT}/balances")).await), (401, 4012));
    let form = format!("grant_type=refresh_token&refresh_token={}", two.refresh());
    assert_eq!(world.form("token", &form).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn a_token_opens_the_account_that_it_is_for() {
    let world = World::open().await;
    let (holder, application) = (world.holder().await, world.application().await);
    let path = format!("{ACCOUNT}/balances");
    assert_eq!(sub_code(&world.get(&application, &path).await), (401, 4012));
    let other = "/payoneer/v4/accounts/4366181865200019/balances";
    assert_eq!(sub_code(&world.get(holder.access(), other).await), (401, 4012));
    assert_eq!(world.get(holder.access(), &format!("{PROGRAM}/balance")).await.0, 200);
    world.order(json!({ "trust_application": true })).await;
    assert_eq!(world.get(&application, &path).await.0, 200);
}
