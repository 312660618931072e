using Microsoft.ML.OnnxRuntime;
using Sgl.Inference.Internal.Runtime;

namespace Sgl.Inference.Internal.Decoding;

/// <summary>Where a step's inputs and outputs lie.</summary>
internal readonly record struct StepAddresses(nint Hidden, nint HiddenOut, nint Cos, nint Sin, nint RopeRows, nint SeqLens, nint Total, nint NoDeepStack);

/// <summary>A session with its tensors bound to memory that stays where it is.</summary>
/// <param name="session">The session.</param>
/// <param name="addresses">The memory.</param>
internal sealed class BoundStep(InferenceSession session, StepAddresses addresses) : IDisposable
{
    private readonly OrtIoBinding _binding = session.CreateIoBinding();
    private readonly List<OrtValue> _values = [];
    private OrtValue? _growing;

    public StepAddresses Addresses => addresses;

    public void Input(string name, nint address, long[] shape) => Input<float>(name, address, shape);

    public void Input<T>(string name, nint address, long[] shape)
        where T : unmanaged => _binding.BindInput(name, Own<T>(address, shape));

    public void Output(string name, nint address, long[] shape) => _binding.BindOutput(name, Own<float>(address, shape));

    /// <summary>Binds tensors, owned by somebody else, as inputs and as outputs: caches are written in place.</summary>
    public void Caches(ReadOnlySpan<string> inputs, ReadOnlySpan<string> outputs, ReadOnlySpan<OrtValue> caches)
    {
        for (var i = 0; i < caches.Length; i++)
        {
            _binding.BindInput(inputs[i], caches[i]);
            _binding.BindOutput(outputs[i], caches[i]);
        }
    }

    /// <summary>Binds an output whose shape changes from step to step.</summary>
    public void Growing(string name, nint address, long[] shape)
    {
        var next = OrtHost.CpuTensor<float>(address, shape);
        _binding.BindOutput(name, next);
        _growing?.Dispose();
        _growing = next;
    }

    public void Run(RunOptions options) => session.RunWithBinding(options, _binding);

    public void Dispose()
    {
        _binding.Dispose();
        _growing?.Dispose();
        foreach (var value in _values)
        {
            value.Dispose();
        }
    }

    private OrtValue Own<T>(nint address, long[] shape)
        where T : unmanaged
    {
        var value = OrtHost.CpuTensor<T>(address, shape);
        _values.Add(value);
        return value;
    }
}
