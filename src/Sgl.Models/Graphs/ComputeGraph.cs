using Google.Protobuf;
using Sgl.Models.Onnx;

namespace Sgl.Models;

/// <summary>A graph without its weights.</summary>
public sealed class ComputeGraph
{
    /// <summary>File name that stands for the weights in the model bytes. Nothing is read from it, but the runtime wants it to exist.</summary>
    public const string WeightLocation = "weights-are-handed-over";

    private readonly ModelProto _model;

    internal ComputeGraph(ModelProto model, IReadOnlyList<WeightBinding> weights, ComputeType computeType)
    {
        _model = model;
        Weights = weights;
        ComputeType = computeType;
    }

    /// <summary>Graph name, for messages.</summary>
    public string Name => _model.Graph.Name;

    /// <summary>Weights to hand over.</summary>
    public IReadOnlyList<WeightBinding> Weights { get; }

    /// <summary>Element type of the weights and of the KV cache.</summary>
    public ComputeType ComputeType { get; }

    /// <summary>The serialized model, weights left out.</summary>
    public byte[] ToBytes() => _model.ToByteArray();
}
