using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Sgl.Hosting;
using Sgl.Router.Internal;

namespace Sgl.Router;

/// <summary>
/// Makes one picture of what the probes of all replicas find: which model each service stands for, which replicas must not be taken, whether the models
/// fit together. Sets the router's own health: SERVING while the small model serves, the models fit, and the large model serves too unless the policy is
/// to degrade.
/// </summary>
internal sealed class BackendMonitor : BackgroundService
{
    private readonly Lock _gate = new();
    private readonly Backends _backends;
    private readonly RouterPolicies _policies;
    private readonly RouterOptions _options;
    private readonly ServiceHealth _health;
    private readonly RouterMetrics _metrics;
    private readonly ILogger<BackendMonitor> _logger;
    private volatile ModelPair _pair = ModelPair.Unknown;
    private bool _begun;

    public BackendMonitor(
        Backends backends, RouterPolicies policies, IOptions<RouterOptions> options, ServiceHealth health, RouterMetrics metrics, ILogger<BackendMonitor> logger)
    {
        (_backends, _policies, _options) = (backends, policies, options.Value);
        (_health, _metrics, _logger) = (health, metrics, logger);
        metrics.Common.BeforeScrape(_ =>
        {
            Scrape(backends.Small);
            Scrape(backends.Large);
        });
    }

    /// <summary>The latest state.</summary>
    public ModelPair Pair => _pair;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        _backends.Small.RunAsync(_options.HealthInterval, _options.ProbeTimeout, Update, stoppingToken),
        _backends.Large.RunAsync(_options.HealthInterval, _options.ProbeTimeout, Update, stoppingToken));

    private void Update()
    {
        lock (_gate)
        {
            var (before, small, large) = (_pair, _backends.Small, _backends.Large);
            _begun |= large.Settled || large.LookupProblem.Length > 0;
            var (smallModel, largeModel) = ModelChoice.Choose(Offer(small, before.Small), Offer(large, before.Large), _policies);
            Refuse(small, smallModel);
            Refuse(large, largeModel);
            var after = new ModelPair(State(small, smallModel), State(large, largeModel), "");
            after = after with { PairingProblem = Pairing.Problem(after.Small.Info, after.Large.Info, _policies), Idle = Pairing.Idle(after.Small.Info, after.Large.Info, _policies) };
            _pair = after;
            Report(small, _policies.Default.File?.SmallModel, before.Small, after.Small);
            Report(large, _policies.Default.File?.LargeModel, before.Large, after.Large);
            if (after.PairingProblem.Length > 0 && after.PairingProblem != before.PairingProblem)
            {
                RouterLog.NotPaired(_logger, after.PairingProblem);
            }

            foreach (var idle in after.Idle.Except(before.Idle))
            {
                RouterLog.Idle(_logger, idle);
            }

            SetHealth(after);
        }
    }

    private void SetHealth(ModelPair pair)
    {
        if (pair.PairingProblem.Length > 0)
        {
            _health.SetNotServing(pair.PairingProblem);
        }
        else if (!pair.Small.Serving)
        {
            _health.SetNotServing($"the small model does not serve: {pair.Small.Problem}");
        }
        else if (!_begun)
        {
            // The first questions should find the large model too, where there is one; whether there is, is known within a probe's time.
            _health.SetNotServing("the large model was not looked for yet");
        }
        else if (!pair.Large.Serving && _policies.Default.OnLargeFailure == LargeFailure.Fail)
        {
            _health.SetNotServing($"the large model does not serve: {pair.Large.Problem}");
        }
        else
        {
            _health.SetServing(string.Join("\n", [.. Notes("small", pair.Small), .. Notes("large", pair.Large), .. pair.Idle]));
        }
    }

    private static IEnumerable<string> Notes(string name, BackendState state) => state.Problems.Select(p => $"a replica of the {name} model is not used: {p}");

    // Until every replica was heard once, the first one to answer must not decide which model is the right one.
    private static ModelOffer Offer(ReplicaSet set, BackendState before)
    {
        var all = set.Replicas;
        return new ModelOffer(
            set.Settled ? [.. all.Where(r => r.Standing.Serving && r.View.Info is not null).Select(r => r.View.Info!)] : [],
            [.. all.Select(r => r.View.Info).OfType<Wire.ModelInfo>()],
            before.Info);
    }

    private void Refuse(ReplicaSet set, Wire.ModelInfo? model)
    {
        foreach (var replica in set.Replicas)
        {
            var refusal = "";
            if (replica.View.Info is { } info && (model is null || ModelIdentity.Difference(info, model) is { Length: > 0 }))
            {
                refusal = model is null
                    ? $"its model is not chosen yet at {replica.Label}"
                    : $"it serves another model at {replica.Label}: {ModelIdentity.Difference(info, model)}";
            }

            if (model is not null && refusal.Length > 0 && refusal != replica.Refusal)
            {
                RouterLog.ReplicaRefused(_logger, set.Name, replica.Label, replica.View.Info!.Name, model.Name, refusal);
            }

            replica.Refusal = refusal;
        }
    }

    private static BackendState State(ReplicaSet set, Wire.ModelInfo? model)
    {
        var taken = set.Replicas.Where(r => r.Standing.Serving && r.Refusal.Length == 0).ToList();
        var problems = set.Replicas.Except(taken).Select(r => r.View.Problem.Length > 0 ? r.View.Problem : r.Refusal).Where(p => p.Length > 0).ToList();
        var infos = taken.Select(r => r.View.Info).OfType<Wire.ModelInfo>().ToList();
        return infos.Count > 0
            ? new BackendState(true, ModelIdentity.Common(infos), "") { Problems = problems }
            : new BackendState(false, model, problems.Count > 0 ? string.Join("; ", problems) : set.LookupProblem) { Problems = problems };
    }

    private void Report(ReplicaSet set, string? calibrated, BackendState before, BackendState after)
    {
        _metrics.SetServing(set.Name, after.Serving);
        if (after.Serving && (!before.Serving || !after.Info!.Equals(before.Info)))
        {
            RouterLog.BackendServes(_logger, set.Name, after.Info!.Name, after.Info.LayerCount, after.Info.VisualLayoutKey);
            if (calibrated is not null && calibrated != after.Info.Name)
            {
                RouterLog.OtherModel(_logger, calibrated, after.Info.Name);
            }
        }
        else if (!after.Serving && set.Settled && (before.Serving || before.Problem != after.Problem))
        {
            RouterLog.BackendDown(_logger, set.Name, after.Problem);
        }
    }

    private void Scrape(ReplicaSet set)
    {
        foreach (var replica in set.Replicas)
        {
            _metrics.Replicas.SetState(set.Name, replica.Label, replica.Rank <= ReplicaRank.Full, replica.Standing.Serving && replica.Refusal.Length > 0, replica.InFlight);
        }
    }
}
