using System.Net.Http.Headers;
using Microsoft.Extensions.Options;

namespace Sgl.EngineBridge;

/// <summary>Puts the key on requests as they leave, below everything that logs or repeats them.</summary>
internal sealed class EngineKeyHandler(IOptions<BridgeOptions> options) : DelegatingHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.Authorization = EngineKey.Read(options.Value) is { } key ? new AuthenticationHeaderValue("Bearer", key) : null;
        return base.SendAsync(request, cancellationToken);
    }
}
