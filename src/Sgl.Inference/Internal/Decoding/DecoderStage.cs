using Microsoft.ML.OnnxRuntime;
using Sgl.Inference.Internal.Kv;
using Sgl.Inference.Internal.Runtime;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Rows whose attention is summed in a run: R row numbers, weights [G, R], limits [B, R] already in <see cref="StageInputs"/>.</summary>
/// <param name="Rows">R.</param>
/// <param name="Groups">G.</param>
internal readonly record struct ImportanceShape(int Rows, int Groups);

/// <summary>A run of consecutive layers on the CPU.</summary>
internal sealed class DecoderStage : IStage
{
    // Inputs in front of the caches.
    private const int FirstCache = 6;

    private readonly LanguageModelConfig _config;
    private readonly InferenceSession _rows;
    private readonly InferenceSession _step;
    private readonly int[] _deepStackLayers;
    private readonly string[] _plainInputs;
    private readonly string[] _importanceInputs;
    private readonly string[] _plainOutputs;
    private readonly string[] _importanceOutputs;
    private readonly RunOptions _runOptions = new();

    public DecoderStage(
        LanguageModelConfig config,
        DecoderNames names,
        LayerPlacement placement,
        SessionFactory sessions,
        KvBudget budget,
        bool importance,
        ComputeType computeType)
    {
        _config = config;
        Placement = placement;
        HasImportance = importance;
        // Each session packs all weights again before the runtime finds that it has them. So there is none for runs without importance: those that have it can leave it out.
        _rows = Create(importance ? ImportanceOutput.ChosenRows : ImportanceOutput.None);
        _step = importance ? Create(ImportanceOutput.DecodeRow) : _rows;

        InferenceSession Create(ImportanceOutput output) =>
            sessions.Create(DecoderStageGraph.Build(config, names, placement.First, placement.Last, output, sessions.Arithmetic(placement.Device, computeType)), placement.Device);

        var layers = Enumerable.Range(placement.First, placement.Count).ToList();
        string[] inputs = ["hidden", "cos", "sin", "rope_rows", "seqlens_k", "total_length"];
        _deepStackLayers = [.. layers.Where(i => i < config.DeepStackLayers)];
        _plainInputs = [.. inputs, .. layers.SelectMany(i => new[] { $"past_key.{i}", $"past_value.{i}" }), .. _deepStackLayers.Select(DecoderStageGraph.DeepStackInput)];
        _importanceInputs = [.. _plainInputs, "importance_rows", "importance_limit", "importance_weight"];
        _plainOutputs = ["hidden_out", .. layers.SelectMany(i => new[] { $"present_key.{i}", $"present_value.{i}" })];
        _importanceOutputs = [.. _plainOutputs, "importance"];
        Kv = new KvPool(new KvShape(placement.Count, config.KvHeads, DecoderStageGraph.CacheHeadDim(config), computeType, placement.Device), budget);
    }

    public LayerPlacement Placement { get; }

    public KvPool Kv { get; }

    /// <summary>Whether this stage can yield importance.</summary>
    public bool HasImportance { get; }

    /// <summary>
    /// Runs the layers over <paramref name="batch"/> sequences of <paramref name="rows"/> new rows each, in slots <paramref name="firstSlot"/>...
    /// Cos, sin, seqlens, total and the DeepStack of these layers must be in <paramref name="inputs"/>; with importance, its inputs too.
    /// </summary>
    /// <param name="total">Largest number of entries behind this run, T.</param>
    /// <returns>Importance [layers, B, G, T] in scratch memory, empty when not asked for.</returns>
    public ReadOnlySpan<float> Run(
        StageInputs inputs, Scratch<float> hidden, Scratch<float> hiddenOut, int batch, int rows, int total, KvSlab slab, int firstSlot, ImportanceShape? importance)
    {
        long[] shape = [batch, rows, _config.HiddenSize];
        var half = _config.HeadDim / 2;
        inputs.SetRopeRows(batch * rows);
        var kv = slab.View(firstSlot, batch);
        RequireImportance(importance);
        var session = rows == 1 ? _step : _rows;
        var asksRows = HasImportance && session == _rows;
        var wanted = importance ?? (asksRows ? inputs.AskNothing(batch) : default);
        var values = new List<OrtValue>(12);
        OrtValue Own(OrtValue value)
        {
            values.Add(value);
            return value;
        }

        try
        {
            List<OrtValue> ins =
            [
                Own(hidden.Tensor(shape)),
                Own(inputs.Cos.Tensor(batch * rows, half)),
                Own(inputs.Sin.Tensor(batch * rows, half)),
                Own(inputs.RopeRows.Tensor(batch, rows)),
                Own(inputs.SeqLens.Tensor(batch)),
                Own(inputs.Total.Tensor(1)),
                .. kv,
                .. _deepStackLayers.Select(i => Own(inputs.DeepStack[i].Tensor(inputs.DeepStackRows, _config.HiddenSize))),
            ];
            List<OrtValue> outs = [Own(hiddenOut.Tensor(shape)), .. kv];
            if (asksRows)
            {
                ins.Add(Own(inputs.ImportanceRows.Tensor(wanted.Rows)));
                ins.Add(Own(inputs.ImportanceLimit.Tensor(batch, wanted.Rows)));
                ins.Add(Own(inputs.ImportanceWeight.Tensor(wanted.Groups, wanted.Rows)));
            }

            if (importance is not null)
            {
                outs.Add(Own(inputs.Importance.Tensor(Placement.Count, batch, wanted.Groups, total)));
            }

            session.Run(_runOptions, asksRows ? _importanceInputs : _plainInputs, ins, importance is null ? _plainOutputs : _importanceOutputs, outs);
        }
        finally
        {
            foreach (var value in values)
            {
                value.Dispose();
            }
        }

        return importance is null ? [] : inputs.Importance.Span(Placement.Count * batch * wanted.Groups * total);
    }

    /// <summary>
    /// Runs one new row of each of the first <paramref name="batch"/> slots: <see cref="StageInputs.BatchIn"/> to <see cref="StageInputs.BatchOut"/>. What a
    /// step binds is kept with the slab, so a step costs no memory.
    /// </summary>
    public ReadOnlySpan<float> Step(StageInputs inputs, int batch, int total, KvSlab slab, ImportanceShape? importance)
    {
        inputs.SetRopeRows(batch);
        RequireImportance(importance);
        var addresses = inputs.StepAddresses(batch, _config.HiddenSize, _config.HeadDim / 2);
        var bound = slab.Bound(importance is not null, batch);
        if (bound is null || bound.Addresses != addresses)
        {
            bound = new BoundStep(_step, addresses);
            long[] row = [batch, 1, _config.HiddenSize];
            bound.Input("hidden", addresses.Hidden, row);
            bound.Input("cos", addresses.Cos, [batch, _config.HeadDim / 2]);
            bound.Input("sin", addresses.Sin, [batch, _config.HeadDim / 2]);
            bound.Input<long>("rope_rows", addresses.RopeRows, [batch, 1]);
            bound.Input<int>("seqlens_k", addresses.SeqLens, [batch]);
            bound.Input<int>("total_length", addresses.Total, [1]);
            foreach (var layer in _deepStackLayers)
            {
                bound.Input(DecoderStageGraph.DeepStackInput(layer), addresses.NoDeepStack, [1, _config.HiddenSize]);
            }

            bound.Output("hidden_out", addresses.HiddenOut, row);
            bound.Caches(_plainInputs.AsSpan(FirstCache, 2 * Placement.Count), _plainOutputs.AsSpan(1), slab.View(0, batch));
            slab.Bind(importance is not null, batch, bound);
        }

        if (importance is null)
        {
            bound.Run(_runOptions);
            return [];
        }

        // One key more with every step: the only tensor whose shape is new each time.
        var count = Placement.Count * batch * total;
        bound.Growing("importance", inputs.Importance.Address(count), [Placement.Count, batch, 1, total]);
        bound.Run(_runOptions);
        return inputs.Importance.Span(count);
    }

    public void Dispose()
    {
        Kv.Dispose();
        _rows.Dispose();
        _step.Dispose();
        _runOptions.Dispose();
    }

    private void RequireImportance(ImportanceShape? asked)
    {
        if (asked is not null && !HasImportance)
        {
            throw new InvalidOperationException("this engine was loaded without importance");
        }
    }
}
