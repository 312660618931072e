using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Sgl.Models.Onnx;

namespace Sgl.Models.Graphs;

/// <summary>Writes one graph node by node. Values are named by the builder; weights by their checkpoint tensor.</summary>
internal sealed class GraphBuilder(string name, GraphArithmetic arithmetic)
{
    private const string Contrib = "com.microsoft";

    private readonly GraphProto _graph = new() { Name = name };
    private readonly List<WeightBinding> _weights = [];
    private readonly HashSet<string> _declared = [];
    private readonly Dictionary<string, string> _constants = [];
    private int _next;

    /// <summary>ONNX element types.</summary>
    internal static class ElementType
    {
        public const int Float = 1;
        public const int UInt8 = 2;
        public const int Int8 = 3;
        public const int Int32 = 6;
        public const int Int64 = 7;
        public const int Float16 = 10;
        public const int BFloat16 = 16;
    }

    /// <summary>Element type of weights and activations.</summary>
    public int ComputeElement { get; } = ElementOf(arithmetic.Type);

    /// <summary>Declares a graph input; dimensions are numbers or symbol names.</summary>
    public string Input(string inputName, int elementType, params object[] dims)
    {
        _graph.Input.Add(Info(inputName, elementType, dims));
        return inputName;
    }

    /// <summary>Declares <paramref name="value"/> as a graph output called <paramref name="outputName"/>.</summary>
    public void Output(string value, string outputName, int elementType, params object[] dims)
    {
        if (value != outputName)
        {
            Add("Identity", "", [value], [outputName]);
        }

        _graph.Output.Add(Info(outputName, elementType, dims));
    }

    /// <summary>Format of each linear layer.</summary>
    public GraphArithmetic Arithmetic => arithmetic;

    /// <summary>Values that were made once and are used again, by what they are made of.</summary>
    public Dictionary<string, string> Reused { get; } = [];

    /// <summary>Declares a weight; <paramref name="shape"/> may be a reshape of the stored shape.</summary>
    public string Weight(string tensor, params long[] shape) => Weight(new WeightBinding(tensor, shape));

    /// <summary>Declares a weight.</summary>
    public string Weight(WeightBinding binding)
    {
        if (_declared.Add(binding.Name))
        {
            var element = binding.Part switch
            {
                WeightPart.Int8Values => ElementType.Int8,
                WeightPart.UInt8Values or WeightPart.Blocks4Values or WeightPart.Blocks4ZeroPoints or WeightPart.Blocks8Values => ElementType.UInt8,
                WeightPart.Int8Scales => ElementType.Float,
                WeightPart.InputOrder => ElementType.Int64,
                _ => ComputeElement,
            };
            var proto = new TensorProto { Name = binding.Name, DataType = element, DataLocation = 1 };
            proto.Dims.AddRange(binding.Shape);
            // The runtime takes the data from the session options; the location only marks the tensor as not inline.
            proto.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = ComputeGraph.WeightLocation });
            _graph.Initializer.Add(proto);
            _weights.Add(binding);
        }

        return binding.Name;
    }

    /// <summary>An int64 constant vector.</summary>
    public string Ints(params long[] values) => Constant(
        "i:" + string.Join(',', values), ElementType.Int64, [values.Length], MemoryMarshal.AsBytes(values.AsSpan()));

    /// <summary>An int64 constant scalar.</summary>
    public string IntScalar(long value) => Constant(
        "is:" + value.ToString(CultureInfo.InvariantCulture), ElementType.Int64, [], MemoryMarshal.AsBytes(new[] { value }.AsSpan()));

    /// <summary>A uint8 constant scalar.</summary>
    public string Byte(byte value) => Constant("u8:" + value.ToString(CultureInfo.InvariantCulture), ElementType.UInt8, [], [value]);

    /// <summary>A float32 constant scalar.</summary>
    public string Float(float value) => Constant(
        "f:" + value.ToString("R", CultureInfo.InvariantCulture), ElementType.Float, [], MemoryMarshal.AsBytes(new[] { value }.AsSpan()));

    /// <summary>Adds a node with one output of the ONNX domain.</summary>
    public string Op(string type, string[] inputs, params AttributeProto[] attributes) => OpIn("", type, inputs, attributes);

    /// <summary>Adds a node with one output of the runtime's own domain.</summary>
    public string Contributed(string type, string[] inputs, params AttributeProto[] attributes) => OpIn(Contrib, type, inputs, attributes);

    /// <summary>Adds a node with several outputs; an empty output name leaves that output out.</summary>
    public void Add(string type, string domain, string[] inputs, string[] outputs, params AttributeProto[] attributes)
    {
        if (arithmetic.RoundsTo is { } rounded && ResultRounding.OutputsOf(type) is { Length: > 0 } stored)
        {
            string[] exact = [.. outputs];
            foreach (var i in stored)
            {
                exact[i] = NewValue();
            }

            AddNode(type, domain, inputs, exact, attributes);
            Array.ForEach(stored, i => Round(exact[i], outputs[i], rounded));
            return;
        }

        AddNode(type, domain, inputs, outputs, attributes);
    }

    /// <summary>The value as the arithmetic stores it: itself, or rounded.</summary>
    public string Stored(string value)
    {
        if (arithmetic.RoundsTo is not { } rounded)
        {
            return value;
        }

        var output = NewValue();
        Round(value, output, rounded);
        return output;
    }

    private void Round(string value, string output, ComputeType type)
    {
        var narrow = NewValue();
        AddNode("Cast", "", [value], [narrow], Attr("to", (long)ElementOf(type)));
        AddNode("Cast", "", [narrow], [output], Attr("to", (long)ElementType.Float));
    }

    private void AddNode(string type, string domain, string[] inputs, string[] outputs, params AttributeProto[] attributes)
    {
        var node = new NodeProto { OpType = type, Domain = domain, Name = $"{type}_{_next++}" };
        node.Input.AddRange(inputs);
        node.Output.AddRange(outputs);
        node.Attribute.AddRange(attributes);
        _graph.Node.Add(node);
    }

    /// <summary>Adds a node of the runtime's own domain with several outputs.</summary>
    public void AddContributed(string type, string[] inputs, string[] outputs, params AttributeProto[] attributes) =>
        Add(type, Contrib, inputs, outputs, attributes);

    /// <summary>A fresh value name.</summary>
    public string NewValue() => "v" + (_next++).ToString(CultureInfo.InvariantCulture);

    public static AttributeProto Attr(string attribute, long value) => new() { Name = attribute, I = value, Type = 2 };

    public static AttributeProto Attr(string attribute, float value) => new() { Name = attribute, F = value, Type = 1 };

    public static AttributeProto Attr(string attribute, string value) => new() { Name = attribute, S = ByteString.CopyFromUtf8(value), Type = 3 };

    public static AttributeProto Attr(string attribute, params long[] values)
    {
        var proto = new AttributeProto { Name = attribute, Type = 7 };
        proto.Ints.AddRange(values);
        return proto;
    }

    /// <summary>Ends the graph.</summary>
    public ComputeGraph Build()
    {
        var model = new ModelProto { IrVersion = 10, ProducerName = "sgl", Graph = _graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 21 });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = Contrib, Version = 1 });
        return new ComputeGraph(model, _weights, arithmetic.Type);
    }

    private string OpIn(string domain, string type, string[] inputs, AttributeProto[] attributes)
    {
        var output = NewValue();
        Add(type, domain, inputs, [output], attributes);
        return output;
    }

    private string Constant(string key, int elementType, long[] dims, ReadOnlySpan<byte> data)
    {
        if (!_constants.TryGetValue(key, out var constant))
        {
            constant = "c" + (_next++).ToString(CultureInfo.InvariantCulture);
            var proto = new TensorProto { Name = constant, DataType = elementType, RawData = ByteString.CopyFrom(data) };
            proto.Dims.AddRange(dims);
            _graph.Initializer.Add(proto);
            _constants.Add(key, constant);
        }

        return constant;
    }

    private static int ElementOf(ComputeType type) => type switch
    {
        ComputeType.Float32 => ElementType.Float,
        ComputeType.Float16 => ElementType.Float16,
        ComputeType.BFloat16 => ElementType.BFloat16,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    private static ValueInfoProto Info(string valueName, int elementType, object[] dims)
    {
        var shape = new TensorShapeProto();
        foreach (var dim in dims)
        {
            shape.Dim.Add(dim is string symbol
                ? new TensorShapeProto.Types.Dimension { DimParam = symbol }
                : new TensorShapeProto.Types.Dimension { DimValue = Convert.ToInt64(dim, CultureInfo.InvariantCulture) });
        }

        return new ValueInfoProto
        {
            Name = valueName,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = elementType, Shape = shape } },
        };
    }
}
