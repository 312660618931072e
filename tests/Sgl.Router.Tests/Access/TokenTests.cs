using System.Net;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Sgl.Router.Tests;

/// <summary>JSON web tokens whose keys stand in a file.</summary>
public sealed class TokenTests : IDisposable
{
    private const string Issuer = "https://issuer.example";

    private readonly string _folder = Directory.CreateTempSubdirectory("sgl-jwks").FullName;
    private readonly RsaSecurityKey _key = new(RSA.Create(2048)) { KeyId = "one" };
    private readonly RsaSecurityKey _other = new(RSA.Create(2048)) { KeyId = "one" };

    private string Jwks => Path.Combine(_folder, "jwks.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Answer_Tokens_OnlyThoseThatFit()
    {
        await using var guarded = await StartAsync(("Access:Jwt:Scope", "ask"));

        await ExpectAsync(guarded, true, Token());
        await ExpectAsync(guarded, true, Token(claims: new() { ["scp"] = new[] { "read", "ask" } }, scope: null));
        await ExpectAsync(guarded, true, GuardedTrio.AlicesKey);

        await ExpectAsync(guarded, false, Token(audience: "another"));
        await ExpectAsync(guarded, false, Token(issuer: "https://another.example"));
        await ExpectAsync(guarded, false, Token(key: _other));
        await ExpectAsync(guarded, false, Token(expires: DateTime.UtcNow.AddMinutes(-2)));
        await ExpectAsync(guarded, false, Token(notBefore: DateTime.UtcNow.AddMinutes(5)));
        await ExpectAsync(guarded, false, Token(expires: null));
        await ExpectAsync(guarded, false, Token(scope: "asking"));
        await ExpectAsync(guarded, false, Token(subject: ""));
        var valid = Token();
        await ExpectAsync(guarded, false, valid[..^4] + (valid.EndsWith("AAAA", StringComparison.Ordinal) ? "BBBB" : "AAAA"));
        await ExpectAsync(guarded, false, Unsigned(valid));
        await ExpectAsync(guarded, false, SignedWithWhatVerifies());
        await ExpectAsync(guarded, false, "eyJ.eyJ.x");
        await ExpectAsync(guarded, false, "eyJ" + new string('a', 20_000) + ".a.a");
    }

    [Fact]
    public async Task Answer_TokensOfOneSubject_ShareItsLimit()
    {
        await using var guarded = await StartAsync(("Access:Jwt:RequestsPerMinute", "2"));

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(guarded, Token(subject: "one")));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(guarded, Token(subject: "one", claims: new() { ["n"] = "2" })));
        Assert.Equal(HttpStatusCode.TooManyRequests, await StatusAsync(guarded, Token(subject: "one")));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(guarded, Token(subject: "two")));

        // Subjects are without number, so they are no labels.
        var metrics = await guarded.Trio.Http.GetStringAsync(new Uri(guarded.Trio.Endpoints.Metrics!, "/metrics"));
        Assert.Equal(3, await guarded.Trio.MetricAsync("sgl_key_requests_total", "key=\"jwt\""));
        Assert.DoesNotContain("\"jwt:", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_KeysExchangedInTheFile_TakenOverWithoutRestart()
    {
        await using var guarded = await StartAsync(("Access:ReloadInterval", "00:00:00.050"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(guarded, Token()));

        WriteJwks(_other);
        await guarded.Trio.UntilAsync(async () => await StatusAsync(guarded, Token(key: _other)) == HttpStatusCode.OK);

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(guarded, Token()));
    }

    private static async Task<HttpStatusCode> StatusAsync(GuardedTrio guarded, string token)
    {
        using var response = await guarded.PostAsync(token);
        return response.StatusCode;
    }

    private static async Task ExpectAsync(GuardedTrio guarded, bool accepted, string token, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(token))] string what = "")
    {
        var status = await StatusAsync(guarded, token);
        Assert.True(status == (accepted ? HttpStatusCode.OK : HttpStatusCode.Unauthorized), $"{what}: {status}");
    }

    private static string Unsigned(string token) => $"{Base64UrlEncoder.Encode("""{"alg":"none","typ":"JWT"}""")}.{token.Split('.')[1]}.";

    private static object Public(RsaSecurityKey key)
    {
        var parameters = key.Rsa.ExportParameters(false);
        return new { kty = "RSA", use = "sig", alg = "RS256", kid = key.KeyId, n = Base64UrlEncoder.Encode(parameters.Modulus), e = Base64UrlEncoder.Encode(parameters.Exponent) };
    }

    // The old mistake: the public key taken for a shared secret.
    private string SignedWithWhatVerifies() => Create(
        new SigningCredentials(new SymmetricSecurityKey(_key.Rsa.ExportSubjectPublicKeyInfo()) { KeyId = "one" }, SecurityAlgorithms.HmacSha256), "sub", Issuer, "sgl", "ask", DateTime.UtcNow.AddMinutes(5), null, null);

    private string Token(
        string subject = "sub", string issuer = Issuer, string audience = "sgl", RsaSecurityKey? key = null, string? scope = "ask", Dictionary<string, object>? claims = null, DateTime? notBefore = null) =>
        Token(DateTime.UtcNow.AddMinutes(5), subject, issuer, audience, key, scope, claims, notBefore);

    private string Token(
        DateTime? expires, string subject = "sub", string issuer = Issuer, string audience = "sgl", RsaSecurityKey? key = null, string? scope = "ask", Dictionary<string, object>? claims = null, DateTime? notBefore = null) =>
        Create(new SigningCredentials(key ?? _key, SecurityAlgorithms.RsaSha256), subject, issuer, audience, scope, expires, claims, notBefore);

    private static string Create(
        SigningCredentials credentials, string subject, string issuer, string audience, string? scope, DateTime? expires, Dictionary<string, object>? claims, DateTime? notBefore)
    {
        var all = new Dictionary<string, object>(claims ?? []);
        if (scope is not null)
        {
            all["scope"] = scope;
        }

        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer,
            Audience = audience,
            Expires = expires,
            NotBefore = notBefore,
            Claims = all,
            Subject = new ClaimsIdentity(subject.Length > 0 ? [new Claim("sub", subject)] : []),
            SigningCredentials = credentials,
        });
    }

    private void WriteJwks(RsaSecurityKey key) => File.WriteAllText(Jwks, JsonSerializer.Serialize(new { keys = new[] { Public(key) } }));

    private Task<GuardedTrio> StartAsync(params (string Key, string Value)[] settings)
    {
        WriteJwks(_key);
        return GuardedTrio.StartAsync([("Access:Jwt:JwksFile", Jwks), ("Access:Jwt:Issuer", Issuer), ("Access:Jwt:Audience", "sgl"), .. settings]);
    }
}
