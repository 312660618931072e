using Microsoft.Extensions.Options;

namespace Sgl.EngineBridge;

/// <summary>Bounds what an engine can make the bridge hold: the length of a line of its stream, and of all of it; of an error a few KiB. Errors in a stream that began as an answer are found.</summary>
internal sealed class BoundedResponseHandler(IOptions<BridgeOptions> options) : DelegatingHandler
{
    private const int MostErrorBytes = 64 << 10;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var bounded = response.IsSuccessStatusCode
            ? new BoundedStream(request.Method == HttpMethod.Post ? new ErrorEventStream(stream, options.Value.MaxLineBytes) : stream, options.Value.MaxLineBytes, options.Value.MaxAnswerBytes, isCut: false)
            : new BoundedStream(stream, MostErrorBytes, MostErrorBytes, isCut: true);
        var content = new StreamContent(bounded);
        foreach (var header in response.Content.Headers.Where(h => !h.Key.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)))
        {
            content.Headers.TryAddWithoutValidation(header.Key, header.Value);
        }

        response.Content = content;
        return response;
    }
}
