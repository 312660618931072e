using System.Collections;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Sgl.Hosting.Internal;

/// <summary>The one line that the log has of a request: as text, and as named values for logs that keep those.</summary>
internal sealed class RequestLine : IReadOnlyList<KeyValuePair<string, object?>>
{
    private static readonly EventId Event = new(2, "CallEnded");

    private readonly List<KeyValuePair<string, object?>> _values = [];
    private readonly StringBuilder _text = new();

    private RequestLine(HttpContext context, string method, StatusCode code, double elapsedMs, RequestSummary? summary)
    {
        Add("Method", method, method);
        Add("StatusCode", code, $" {code}");
        Add("ElapsedMs", elapsedMs, string.Create(CultureInfo.InvariantCulture, $" in {elapsedMs:0.0} ms"));
        if (summary is not null)
        {
            Add(summary);
        }

        if (context.User.Identity?.Name is { } caller)
        {
            Add("Key", caller, $", key {caller}");
        }

        var (id, trace) = (RequestIds.Of(context), Activity.Current?.TraceId.ToHexString());
        if (trace is not null)
        {
            Add("TraceId", trace, trace == id ? "" : $", trace {trace}");
        }

        Add("RequestId", id, $", {id}");
        _values.Add(new("{OriginalFormat}", "{Method} {StatusCode} in {ElapsedMs} ms, {RequestId}"));
    }

    public int Count => _values.Count;

    public KeyValuePair<string, object?> this[int index] => _values[index];

    public static void Write(ILogger logger, LogLevel level, HttpContext context, string method, StatusCode code, TimeSpan elapsed)
    {
        var summary = RequestSummary.Of(context);
        level = summary is { IsDegraded: true } && level == LogLevel.Information ? LogLevel.Warning : level;
        if (logger.IsEnabled(level))
        {
            logger.Log(level, Event, new RequestLine(context, method, code, elapsed.TotalMilliseconds, summary), null, static (line, _) => line.ToString());
        }
    }

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => _values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => _text.ToString();

    private void Add(RequestSummary summary)
    {
        if (summary.Path.Length > 0)
        {
            Add("Path", summary.Path, $", {summary.Path}");
        }

        if (summary.Explanation.Length > 0)
        {
            Add("Explanation", summary.Explanation, $" ({summary.Explanation})");
        }

        if (summary.Score is { } score)
        {
            Add("Score", score, string.Create(CultureInfo.InvariantCulture, $", score {score:0.###}"));
        }

        if (summary.Threshold is { } threshold)
        {
            Add("Threshold", threshold, string.Create(CultureInfo.InvariantCulture, $" of {threshold:0.###}"));
        }

        Add("PromptTokens", summary.PromptTokens, string.Create(CultureInfo.InvariantCulture, $", tokens {summary.PromptTokens}"));
        Add("GeneratedTokens", summary.GeneratedTokens, string.Create(CultureInfo.InvariantCulture, $"+{summary.GeneratedTokens}"));
        if (summary.FirstToken is { } first)
        {
            Add("FirstTokenMs", first.TotalMilliseconds, string.Create(CultureInfo.InvariantCulture, $", first after {first.TotalMilliseconds:0.0} ms"));
        }
    }

    private void Add(string name, object? value, string text)
    {
        _values.Add(new(name, value));
        _text.Append(text);
    }
}
