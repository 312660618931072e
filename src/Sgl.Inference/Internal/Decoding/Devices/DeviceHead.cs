using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sgl.Inference.Internal.Decoding.Lanes;
using Sgl.Inference.Internal.Runtime;
using Sgl.Inference.Internal.Runtime.Cuda;
using Sgl.Models;

namespace Sgl.Inference.Internal.Decoding.Devices;

/// <summary>
/// Final norm and LM head on a GPU. The greedy choice, its probability and the entropy are found there, four numbers a row; logits cross over only where somebody needs them all.
/// </summary>
internal sealed class DeviceHead : IHead
{
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
    private readonly float[] _work;
    private DeviceBuffer? _output;

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

    public IHeadRows NewRows() => new DeviceHeadRows(_vocabulary, _work);

    public void Run(ILane lane, List<Sequence> set, bool logits, IHeadRows rows)
    {
        int[] take = [.. set.Select(sequence => sequence.StepRow)];
        Run(((DeviceLane)lane).Output, take.Max() + 1, take, wanted: [], logits, (DeviceHeadRows)rows);
    }

    public void Run(AnswerRows answers, AnswerRequest request, IHeadRows rows)
    {
        int[] take = [.. Enumerable.Range(request.First, request.Count)];
        Run(answers.Device!, answers.Count, take, request.Wanted, request.Logits, (DeviceHeadRows)rows);
    }

    public void Dispose()
    {
        _choice.Dispose();
        _logits.Dispose();
        _runOptions.Dispose();
        _inputs.Dispose();
        _output?.Dispose();
    }

    /// <summary>Runs over some rows, and waits for the result.</summary>
    /// <param name="rows">Where they are.</param>
    /// <param name="rowCount">How many are there.</param>
    /// <param name="take">Which of them count.</param>
    /// <param name="wanted">An id for each, whose probability is asked for.</param>
    /// <param name="logits">Whether all logits are needed.</param>
    /// <param name="result">Where it goes.</param>
    private void Run(DeviceRows rows, int rowCount, ReadOnlySpan<int> take, ReadOnlySpan<int> wanted, bool logits, DeviceHeadRows result)
    {
        _inputs.Begin();
        var count = take.Length;
        var (numbers, ids) = _inputs.AddTwo<long>(count, out var taken, out var asked);
        for (var i = 0; i < count; i++)
        {
            taken[i] = take[i];
            asked[i] = wanted.IsEmpty ? 0 : wanted[i];
        }

        _inputs.Upload();
        var values = count * (logits ? _vocabulary : DeviceHeadRows.Numbers);
        var bytes = (long)values * sizeof(float);
        if (_output is null || _output.ByteLength < bytes)
        {
            _output?.Dispose();
            _output = new DeviceBuffer(_device.Id, bytes, "the head's output");
        }

        var output = _inputs.Own(OrtValue.CreateTensorValueWithData(_device.Memory, TensorElementType.Float, [count, values / count], _output.Pointer, bytes));
        var source = _inputs.Own(rows.Tensor(0, rowCount));
        if (logits)
        {
            _logits.Run(_runOptions, Inputs, [source, _inputs.Tensor(numbers, count)], LogitsOutputs, [output]);
        }
        else
        {
            _choice.Run(_runOptions, ChoiceInputs, [source, _inputs.Tensor(numbers, count), _inputs.Tensor(ids, count)], ChoiceOutputs, [output]);
        }

        _device.Copy(result.Begin(count, logits), _output.Pointer, bytes, CudaRuntime.Copy.ToHost);
        _device.Wait();
    }
}
