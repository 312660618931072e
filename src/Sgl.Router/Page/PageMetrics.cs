using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>
/// <c>GET /v1/sgl/metrics</c>: the router's own metrics for the dashboard, for people who cannot reach the metrics port. Only what is about questions and models;
/// replicas are numbered, for their addresses are nobody's business who asks questions.
/// </summary>
internal sealed partial class PageMetrics(ServiceMetrics metrics, TimeProvider time) : IDisposable
{
    // However many look at it, it is collected once a second.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _collecting = new(1);
    private readonly Dictionary<(string Backend, string Replica), int> _numbers = [];
    private byte[]? _told;
    private long _at;

    public async Task AnswerAsync(HttpContext context)
    {
        var told = await CollectAsync(context.RequestAborted);
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentLength = told.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(told, context.RequestAborted);
        }
    }

    public void Dispose() => _collecting.Dispose();

    /// <summary>What of an export is told. A replica keeps its number as long as it is there.</summary>
    internal string Select(string export)
    {
        var seen = new HashSet<(string, string)>();
        var selected = new StringBuilder(export.Length);
        foreach (var line in export.Split('\n').Where(l => Told().IsMatch(l)))
        {
            var backend = Backend().Match(line).Value;
            selected.Append(Replica().Replace(line, m => Number((backend, m.Value)).ToString(CultureInfo.InvariantCulture))).Append('\n');
        }

        foreach (var gone in _numbers.Keys.Where(k => !seen.Contains(k)).ToList())
        {
            _numbers.Remove(gone);
        }

        return selected.ToString();

        int Number((string Backend, string Replica) replica)
        {
            seen.Add(replica);
            if (!_numbers.TryGetValue(replica, out var number))
            {
                var taken = _numbers.Where(n => n.Key.Backend == replica.Backend).Select(n => n.Value).ToHashSet();
                _numbers[replica] = number = Enumerable.Range(1, taken.Count + 1).First(n => !taken.Contains(n));
            }

            return number;
        }
    }

    private async Task<byte[]> CollectAsync(CancellationToken cancellationToken)
    {
        await _collecting.WaitAsync(cancellationToken);
        try
        {
            if (_told is null || time.GetElapsedTime(_at) > Fresh)
            {
                using var export = new MemoryStream();
                await metrics.Registry.CollectAndExportAsTextAsync(export, cancellationToken);
                _told = Encoding.UTF8.GetBytes(Select(Encoding.UTF8.GetString(export.GetBuffer().AsSpan(0, (int)export.Length))));
                _at = time.GetTimestamp();
            }

            return _told;
        }
        finally
        {
            _collecting.Release();
        }
    }

    [GeneratedRegex("""^sgl_(requests_total|requests_running|exit_score|e2e_request_latency_seconds|time_to_first_token_seconds|time_to_first_final_token_seconds|inter_token_latency_seconds|serving|router_[a-z_]+?)(_bucket|_sum|_count)?\{(.*,)?service="router"[,}]""")]
    private static partial Regex Told();

    [GeneratedRegex("""(?<=[{,]replica=")(?:[^"\\]|\\.)*(?=")""")]
    private static partial Regex Replica();

    [GeneratedRegex("""(?<=[{,]backend=")(?:[^"\\]|\\.)*(?=")""")]
    private static partial Regex Backend();
}
