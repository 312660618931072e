using Prometheus;
using Sgl.Hosting;

namespace Sgl.Access.Internal;

/// <summary>Metrics by the names of keys, which the operator chose and which are few. Nothing that a stranger sends becomes a label.</summary>
internal sealed class AccessMetrics
{
    private static readonly string[] Shortages = [.. Enum.GetValues<Shortage>().Select(s => s.ToString().ToLowerInvariant()), Refusals.Forbidden];

    private readonly Counter _calls;
    private readonly Counter _tokens;
    private readonly Counter _refused;
    private readonly Counter _unknown;
    private readonly Counter _reloads;
    private readonly Gauge _keys;

    public AccessMetrics(ServiceMetrics common)
    {
        var factory = common.Factory;
        _calls = factory.CreateCounter("sgl_key_requests_total", "Calls by the name of their key (jwt for any token), refused ones not counted.", ["key"]);
        _tokens = factory.CreateCounter("sgl_key_tokens_total", "Prompt and generated tokens of both models by the name of the key.", ["key"]);
        _refused = factory.CreateCounter("sgl_key_refused_total", "Calls refused to a known key: requests, tokens, concurrent (its limits), forbidden.", ["key", "reason"]);
        _unknown = factory.CreateCounter("sgl_unauthenticated_total", "Calls refused because nobody knows who makes them: no_key, wrong_key, expired_key, bad_token.", ["reason"]);
        _reloads = factory.CreateCounter("sgl_key_reloads_total", "Times a file of keys had changed: ok, failed.", ["outcome"]);
        _keys = factory.CreateGauge("sgl_keys", "Keys that are accepted.");
    }

    public void CountCall(string label) => _calls.WithLabels(label).Inc();

    public void CountTokens(string label, long tokens) => _tokens.WithLabels(label).Inc(tokens);

    public void CountRefused(string label, string reason) => _refused.WithLabels(label, reason).Inc();

    public void CountUnknown(string reason) => _unknown.WithLabels(reason).Inc();

    public void CountReload(bool worked) => _reloads.WithLabels(worked ? "ok" : "failed").Inc();

    public void SetKeys(int count, IEnumerable<string> gone)
    {
        _keys.Set(count);
        foreach (var label in gone)
        {
            _calls.RemoveLabelled(label);
            _tokens.RemoveLabelled(label);
            foreach (var shortage in Shortages)
            {
                _refused.RemoveLabelled(label, shortage);
            }
        }
    }
}
