using System.Text.Json;
using Microsoft.Extensions.Options;
using Sgl.Hosting;

namespace Sgl.EngineBridge;

/// <summary>
/// Asks the engine again and again whether it serves the model, and sets health by what it says. Health also shows a key that is not accepted, or a model that is
/// not there, with the reason at <c>/readyz</c>.
/// </summary>
internal sealed class EngineProbe(IHttpClientFactory clients, ChatEngine engine, IOptions<BridgeOptions> options, ServiceHealth health, TimeProvider time) : BackgroundService
{
    /// <summary>Name of the HTTP client that probes go through: without retries.</summary>
    public const string HttpClientName = "engine-probe";

    private readonly BridgeOptions _options = options.Value;
    private volatile int _maxSequenceTokens;
    private bool _tellsProbabilities;

    /// <summary>Most tokens of prompt and answer together, where the engine tells (<c>max_model_len</c>, vLLM and SGLang); else 0.</summary>
    public int MaxSequenceTokens => _maxSequenceTokens;

    /// <summary>Why the engine can never serve in this role; empty: it can, or was not reached yet.</summary>
    public string Unusable { get; private set; } = "";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!_options.Probe)
        {
            health.SetServing($"the engine is not probed (setting {BridgeOptions.SectionName}:{nameof(BridgeOptions.Probe)})");
            return;
        }

        health.SetNotServing("the engine was not asked yet");
        while (!stoppingToken.IsCancellationRequested)
        {
            var problem = await AskAsync(stoppingToken);
            if (problem.Length == 0 && _options.Role == BridgeRole.Small && !_tellsProbabilities)
            {
                problem = await AskForProbabilitiesAsync(stoppingToken);
            }

            if (!stoppingToken.IsCancellationRequested)
            {
                Report(problem);
                await Task.Delay(_options.ProbeInterval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Report(string problem)
    {
        if (problem.Length == 0)
        {
            health.SetServing();
        }
        else
        {
            health.SetNotServing(problem);
        }
    }

    /// <summary>Without token probabilities there is no exit score: better known at start than with every question. Asked until it was answered once.</summary>
    private async Task<string> AskForProbabilitiesAsync(CancellationToken stopping)
    {
        try
        {
            var question = new EngineQuestion
            {
                Turns = [new EngineTurn(V1.ChatRole.User, [new EnginePart.Text("Say yes.")])],
                MaxNewTokens = 4,
                LogProbabilities = true,
            };
            await foreach (var e in engine.AskAsync(question, "probe", stopping))
            {
                _tellsProbabilities |= e is EngineEvent.Text { LogProbability: not null };
            }

            return Unusable = _tellsProbabilities ? "" : $"{_options.Model} at {_options.BaseAddress.Authority} tells no token probabilities (logprobs), without which there is no exit score";
        }
        catch (EngineException e)
        {
            return $"the engine was asked for token probabilities (logprobs), without which there is no exit score: {e.Message}";
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return "";
        }
    }

    private async Task<string> AskAsync(CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(_options.ProbeTimeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping);
        try
        {
            using var client = clients.CreateClient(HttpClientName);
            using var response = await client.GetAsync(new Uri(_options.BaseAddress, "models"), HttpCompletionOption.ResponseHeadersRead, both.Token);
            if (!response.IsSuccessStatusCode)
            {
                return $"the engine answers {(int)response.StatusCode} when asked for its models";
            }

            await using var body = await response.Content.ReadAsStreamAsync(both.Token);
            using var models = await JsonDocument.ParseAsync(body, cancellationToken: both.Token);
            return Find(models.RootElement);
        }
        catch (Exception e) when (!stopping.IsCancellationRequested)
        {
            return e switch
            {
                OperationCanceledException => FormattableString.Invariant($"the engine did not answer within {_options.ProbeTimeout.TotalSeconds:0.###} s"),
                JsonException or EngineStreamException => "the engine's list of models cannot be read",
                EngineKeyException => $"the key {e.Message}",
                _ => $"the engine cannot be reached: {e.Message}",
            };
        }
        catch (OperationCanceledException)
        {
            return "";
        }
    }

    private string Find(JsonElement models)
    {
        if (models.ValueKind != JsonValueKind.Object || !models.TryGetProperty("data", out var data) || data.ValueKind != JsonValueKind.Array)
        {
            return "the engine's list of models cannot be read";
        }

        var names = new List<string>();
        foreach (var model in data.EnumerateArray())
        {
            if (model.ValueKind == JsonValueKind.Object && model.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String)
            {
                if (id.ValueEquals(_options.Model))
                {
                    _maxSequenceTokens = model.TryGetProperty("max_model_len", out var most) && most.ValueKind == JsonValueKind.Number && most.TryGetInt32(out var value) && value > 0 ? value : 0;
                    return "";
                }

                names.Add(id.GetString()!);
            }
        }

        const int shown = 8;
        return PrintableText.Escape($"the engine does not list {_options.Model}, but {(names.Count == 0 ? "nothing" : string.Join(", ", names.Take(shown)))}{(names.Count > shown ? $" and {names.Count - shown} more" : "")}");
    }
}
