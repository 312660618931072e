using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sgl.Guidance;
using Sgl.Inference.Internal.Runtime;
using Sgl.Inference.Internal.Runtime.Cuda;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding.Devices;

/// <summary>
/// Final norm and LM head on a GPU. The greedy choice, its probability and the entropy are found there, four numbers a row; logits cross over only where somebody needs them all.
/// </summary>
internal sealed class DeviceHead : IHeadRows
{
    private const int Numbers = 4;

    private static readonly string[] Inputs = ["rows", "take"];
    private static readonly string[] ChoiceInputs = ["rows", "take", "wanted"];
    private static readonly string[] ChoiceOutputs = ["choice"];
    private static readonly string[] LogitsOutputs = ["logits"];

    private readonly int _vocabulary;
    private readonly CudaDevice _device;
    private readonly DeviceInputs _inputs;
    private readonly InferenceSession _choice;
    private readonly InferenceSession _logits;
    private readonly RunOptions _runOptions = DeviceRuns.InOrder();
    private readonly Scratch<float> _host = new();
    private readonly float[] _work;
    private DeviceBuffer? _output;
    private bool _hasLogits;
    private int _count;

    /// <param name="config">Decoder configuration.</param>
    /// <param name="names">Tensor names.</param>
    /// <param name="device">The last stage's.</param>
    /// <param name="sessions">Makes sessions.</param>
    /// <param name="computeType">Arithmetic.</param>
    /// <param name="choosable">Ids from this one on are never chosen.</param>
    public DeviceHead(LanguageModelConfig config, DecoderNames names, DeviceId device, SessionFactory sessions, ComputeType computeType, int choosable)
    {
        _vocabulary = config.VocabularySize;
        _device = CudaDevice.Of(device);
        _inputs = new DeviceInputs(_device, computeType);
        _work = new float[_vocabulary];
        _choice = sessions.Create(HeadGraph.BuildChoice(config, names, sessions.Arithmetic(device, computeType), choosable), device, ordered: true);
        _logits = sessions.Create(HeadGraph.BuildOnDevice(config, names, sessions.Arithmetic(device, computeType)), device, ordered: true);
    }

    /// <summary>Runs over some rows, and waits for the result.</summary>
    /// <param name="rows">Where they are.</param>
    /// <param name="rowCount">How many are there.</param>
    /// <param name="take">Which of them count.</param>
    /// <param name="wanted">An id for each, whose probability is asked for.</param>
    /// <param name="logits">Whether all logits are needed.</param>
    public void Run(DeviceRows rows, int rowCount, ReadOnlySpan<int> take, ReadOnlySpan<int> wanted, bool logits)
    {
        _inputs.Begin();
        (_count, _hasLogits) = (take.Length, logits);
        var (numbers, ids) = _inputs.AddTwo<long>(_count, out var taken, out var asked);
        for (var i = 0; i < _count; i++)
        {
            taken[i] = take[i];
            asked[i] = wanted.IsEmpty ? 0 : wanted[i];
        }

        _inputs.Upload();
        var values = _count * (logits ? _vocabulary : Numbers);
        var bytes = (long)values * sizeof(float);
        if (_output is null || _output.ByteLength < bytes)
        {
            _output?.Dispose();
            _output = new DeviceBuffer(_device.Id, bytes, "the head's output");
        }

        var output = _inputs.Own(OrtValue.CreateTensorValueWithData(_device.Memory, TensorElementType.Float, [_count, values / _count], _output.Pointer, bytes));
        var source = _inputs.Own(rows.Tensor(0, rowCount));
        if (logits)
        {
            _logits.Run(_runOptions, Inputs, [source, _inputs.Tensor(numbers, _count)], LogitsOutputs, [output]);
        }
        else
        {
            _choice.Run(_runOptions, ChoiceInputs, [source, _inputs.Tensor(numbers, _count), _inputs.Tensor(ids, _count)], ChoiceOutputs, [output]);
        }

        _device.Copy(_host.Address(values), _output.Pointer, bytes, CudaRuntime.Copy.ToHost);
        _device.Wait();
    }

    public ReadOnlySpan<float> Logits(int row) =>
        _hasLogits ? _host.Span(_count * _vocabulary).Slice(row * _vocabulary, _vocabulary) : throw new InvalidOperationException("logits were not asked for");

    public TokenChoice Choose(int row, TokenChooser chooser, int step)
    {
        if (_hasLogits)
        {
            return chooser.Choose(Logits(row), step);
        }

        var numbers = Choice(row);
        return !float.IsFinite(numbers[1]) || numbers[0] < 0 || numbers[0] >= _vocabulary
            ? throw new InvalidOperationException("the model produced logits that are not numbers")
            : new TokenChoice((int)numbers[0], numbers[1], numbers[2]);
    }

    public float LogProbability(int row, int id) => _hasLogits ? LogSoftmax.Of(Logits(row), _work).LogProbability(Logits(row)[id]) : Choice(row)[3];

    public void Dispose()
    {
        _choice.Dispose();
        _logits.Dispose();
        _runOptions.Dispose();
        _inputs.Dispose();
        _output?.Dispose();
        _host.Dispose();
    }

    /// <summary>Id, its ln P, entropy, ln P of the id that was asked for.</summary>
    private ReadOnlySpan<float> Choice(int row) => _host.Span(_count * Numbers).Slice(row * Numbers, Numbers);
}
