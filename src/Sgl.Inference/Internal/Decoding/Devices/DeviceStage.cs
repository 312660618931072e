using Microsoft.ML.OnnxRuntime;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding.Devices;

/// <summary>Inputs of one run of a stage on a GPU, all in its memory but <paramref name="Total"/>.</summary>
/// <param name="Rows">Hidden rows, [N, width].</param>
/// <param name="Take">Which of them run, [B, S].</param>
/// <param name="Cos">[P, d/2].</param>
/// <param name="Sin">[P, d/2].</param>
/// <param name="RopeRows">Rows of these, [B, S].</param>
/// <param name="SeqLens">[B] entries behind the run, minus 1.</param>
/// <param name="Total">The largest number of entries behind the run.</param>
/// <param name="DeepStack">What is added behind the stage's first layers.</param>
/// <param name="Result">Hidden rows behind it, [B * S, width].</param>
internal sealed record StageRun(OrtValue Rows, OrtValue Take, OrtValue Cos, OrtValue Sin, OrtValue RopeRows, OrtValue SeqLens, int Total, IReadOnlyList<OrtValue> DeepStack, OrtValue Result)
{
    /// <summary>Rows whose attention is added to the slots' sums, [R], the last key that each may see, [B, R], and its weight, [B, 1, R]; null: none.</summary>
    public (OrtValue Rows, OrtValue Limit, OrtValue Weight)? Importance { get; init; }
}

/// <summary>A run of consecutive layers on a GPU. Hidden rows and attention sums stay there; nobody waits for a run.</summary>
internal sealed class DeviceStage : IStage
{
    private readonly InferenceSession _plain;
    private readonly InferenceSession? _importance;
    private readonly string[] _inputs;
    private readonly string[] _importanceInputs;
    private readonly string[] _outputs;
    private readonly string[] _importanceOutputs;
    private readonly RunOptions _runOptions = DeviceRuns.InOrder();
    private readonly Scratch<int> _total = new();

    public DeviceStage(
        LanguageModelConfig config, DecoderNames names, LayerPlacement placement, SessionFactory sessions, KvBudget budget, bool importance, ComputeType computeType)
    {
        Placement = placement;
        // Both share the device's weights.
        _plain = Create(ImportanceOutput.None);
        _importance = importance ? Create(ImportanceOutput.ChosenRows) : null;
        var layers = Enumerable.Range(placement.First, placement.Count).ToList();
        DeepStackLayers = [.. layers.Where(i => i < config.DeepStackLayers)];
        _inputs =
        [
            "rows", "take", "cos", "sin", "rope_rows", "seqlens_k", "total_length",
            .. layers.SelectMany(i => new[] { $"past_key.{i}", $"past_value.{i}" }), .. DeepStackLayers.Select(DecoderStageGraph.DeepStackInput),
        ];
        _importanceInputs = [.. _inputs, "importance_rows", "importance_limit", "importance_weight", "sums"];
        _outputs = ["rows_out", .. layers.SelectMany(i => new[] { $"present_key.{i}", $"present_value.{i}" })];
        _importanceOutputs = [.. _outputs, "sums_out"];
        Kv = new KvPool(
            new KvShape(placement.Count, config.KvHeads, DecoderStageGraph.CacheHeadDim(config), computeType, placement.Device) { HasSums = importance }, budget);

        InferenceSession Create(ImportanceOutput output) => sessions.Create(
            DecoderStageGraph.Build(
                config, names, placement.First, placement.Last, output, sessions.Arithmetic(placement.Device, computeType), rowsOnDevice: true),
            placement.Device, ordered: true);
    }

    public LayerPlacement Placement { get; }

    public KvPool Kv { get; }

    public bool HasImportance => _importance is not null;

    /// <summary>Layers of the stage behind which something is added.</summary>
    public IReadOnlyList<int> DeepStackLayers { get; }

    /// <summary>Asks for a run over slots <paramref name="firstSlot"/>.. of a slab.</summary>
    public void Run(StageRun run, KvSlab slab, int firstSlot, int batch)
    {
        _total.Span(1)[0] = run.Total;
        using var total = _total.Tensor(1);
        var kv = slab.View(firstSlot, batch);
        List<OrtValue> inputs = [run.Rows, run.Take, run.Cos, run.Sin, run.RopeRows, run.SeqLens, total, .. kv, .. run.DeepStack];
        List<OrtValue> outputs = [run.Result, .. kv];
        if (run.Importance is not { } asked)
        {
            _plain.Run(_runOptions, _inputs, inputs, _outputs, outputs);
            return;
        }

        var sums = slab.Sums(firstSlot, batch);
        inputs.AddRange([asked.Rows, asked.Limit, asked.Weight, sums]);
        outputs.Add(sums);
        (_importance ?? throw new InvalidOperationException("this engine was loaded without importance")).Run(_runOptions, _importanceInputs, inputs, _importanceOutputs, outputs);
    }

    public void Dispose()
    {
        Kv.Dispose();
        _plain.Dispose();
        _importance?.Dispose();
        _runOptions.Dispose();
        _total.Dispose();
    }
}

/// <summary>Options of runs whose order the device's stream keeps.</summary>
internal static class DeviceRuns
{
    /// <summary>Nobody waits at the end of a run.</summary>
    public static RunOptions InOrder()
    {
        var options = new RunOptions();
        options.AddRunConfigEntry("disable_synchronize_execution_providers", "1");
        return options;
    }
}
