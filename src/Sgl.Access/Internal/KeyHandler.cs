using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Sgl.Access.Internal;

/// <summary>The authentication scheme of API keys; also answers for the other scheme when nobody may pass.</summary>
internal sealed class KeyHandler(
    KeyStore store, Refusals refusals, TimeProvider time, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string Name = "Key";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var presented = Presented.By(Request);
        if (presented.Secret is null)
        {
            return Task.FromResult(presented.IsAmbiguous ? Unknown.Ambiguous.ToResult() : AuthenticateResult.NoResult());
        }

        var caller = store.Ring.Find(presented.Secret, time.GetUtcNow(), out var expired);
        return Task.FromResult(caller is not null
            ? AuthenticateResult.Success(new AuthenticationTicket(caller.ToPrincipal(Name), Name))
            : (expired ? Unknown.Expired : Unknown.WrongKey).ToResult());
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) => refusals.UnauthenticatedAsync(Context);

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => refusals.ForbiddenAsync(Context);
}
