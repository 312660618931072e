using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sgl.Inference.Internal.Runtime.Cuda;
using Sgl.Models;

namespace Sgl.Inference.Internal.Runtime;

/// <summary>
/// Weights for all graphs of one checkpoint, each made once and shared by every session that asks for it: straight from the mapped file where it is stored as
/// it is used, converted, or rounded to 8 or 4 bits. Pages of the file that were only read to be converted are given back. Weights of a GPU's sessions lie in its own
/// memory and nowhere else.
/// </summary>
internal sealed class WeightProvider(Checkpoint checkpoint, WeightPlan plan) : IDisposable
{
    private const int ChunkElements = 1 << 18;

    // Rows of a quantised matrix that one worker reads at a time: AWQ and GPTQ files keep eight of them in a word.
    private const int RowsAtOnce = 64;

    private readonly TensorStore _store = checkpoint.Weights;
    private readonly HashSet<string> _border = WeightPlan.Border(checkpoint.Vision);
    private readonly HashSet<string> _decoder = WeightPlan.Layers(checkpoint.Decoder);
    private readonly ConcurrentDictionary<string, Lazy<LinearFormat>> _formats = new();
    private readonly ConcurrentDictionary<string, LinearCodes> _codes = new();
    private readonly ConcurrentDictionary<string, Lazy<BlockCodes>> _blocks = new();
    private readonly ConcurrentDictionary<string, Lazy<NativeBuffer>> _made = new();
    private readonly ConcurrentDictionary<string, long> _bytes = new();
    private readonly ConcurrentDictionary<string, bool> _usedAsStored = new();
    private readonly ConcurrentDictionary<string, bool> _seen = new();
    private readonly long _fileBytes = checkpoint.Weights.Entries.Sum(e => e.ByteLength);
    private readonly ConcurrentDictionary<string, bool> _sensitive = new();
    private readonly ConcurrentBag<OrtValue> _values = [];
    private readonly ConcurrentBag<PackedWeights> _packed = [];
    private readonly ConcurrentDictionary<DeviceId, Lazy<DeviceWeights>> _onDevice = new();
    private long _seenBytes;

    /// <summary>Called whenever <see cref="Share"/> has grown, from any thread.</summary>
    public Action? Advanced { get; set; }

    /// <summary>Share of the file whose weights are made, 0 to 1.</summary>
    public double Share => _fileBytes == 0 ? 1 : (double)Interlocked.Read(ref _seenBytes) / _fileBytes;

    /// <summary>A place for what the runtime packs of one part of the model; owned by this provider.</summary>
    public PackedWeights NewPacked()
    {
        var packed = new PackedWeights();
        _packed.Add(packed);
        return packed;
    }

    /// <summary>Arithmetic of graphs on a device.</summary>
    public GraphArithmetic Arithmetic(DeviceId device, ComputeType type) =>
        new(type, device.IsCuda || plan.Emulates is not null ? name => FormatOnDevice(name, plan.Emulates ?? type) : FormatOf) { RoundsTo = plan.Emulates };

    /// <summary>A tensor over the weight; owned by this provider.</summary>
    /// <param name="binding">The weight.</param>
    /// <param name="type">Compute type of plain layers.</param>
    /// <param name="packed">Whose sessions ask: 8- and 4-bit weights belong to one part of a model only.</param>
    /// <param name="device">Where it is computed with.</param>
    /// <param name="part">Who asks, for messages.</param>
    /// <exception cref="DeviceMemoryException">The GPU has not enough memory.</exception>
    public OrtValue Get(WeightBinding binding, ComputeType type, PackedWeights packed, DeviceId device, string part)
    {
        var element = Element(binding.Part, type);
        var key = $"{binding.Name} {element}";
        var stored = StoredAsUsed(binding, type);
        if (device.IsCuda)
        {
            var onDevice = OnDevice(device, binding, key, element, part, () => Source(binding, type, stored));
            _values.Add(onDevice);
            return onDevice;
        }

        if (stored is not null)
        {
            _usedAsStored[stored.Name] = true;
            Seen([stored]);
        }

        var pointer = stored is not null ? _store.Pointer(stored) : _made.GetOrAdd(key, _ => new Lazy<NativeBuffer>(() => Make(binding, type, packed))).Value.Pointer;
        var bytes = binding.Shape.Aggregate(1L, (a, b) => a * b) * Size(element);
        _bytes[key] = bytes;
        var value = OrtValue.CreateTensorValueWithData(OrtHost.Cpu, element, [.. binding.Shape], pointer, bytes);
        _values.Add(value);
        return value;
    }

    /// <summary>Bytes of weights in a GPU's memory.</summary>
    public long BytesOn(DeviceId device) => _onDevice.TryGetValue(device, out var weights) ? weights.Value.Bytes : 0;

    /// <summary>Starts reading the whole file, so that the disk is busy while weights are made of what is there already.</summary>
    public void Prefetch()
    {
        foreach (var entry in _store.Entries)
        {
            MemoryPages.Prefetch(_store.Pointer(entry), entry.ByteLength);
        }
    }

    /// <summary>Gives back pages of the mapped file that nothing computes with; what is read from them once more comes back by itself.</summary>
    public void DiscardUnusedPages() => DiscardPages(_store.Entries.Where(e => !_usedAsStored.ContainsKey(e.Name)));

    /// <summary>What was chosen.</summary>
    /// <param name="type">Compute type of plain layers.</param>
    public WeightSummary Summary(ComputeType type)
    {
        var kinds = _formats.ToLookup(f => f.Value.Value.Kind, f => (Matrix: checkpoint.Linear(f.Key), InDecoder: _decoder.Contains(f.Key)));
        long InDecoder(LinearKind kind) => kinds[kind].Where(m => m.InDecoder).Sum(m => m.Matrix.Inputs * m.Matrix.Outputs);
        var most = Enum.GetValues<LinearKind>().MaxBy(InDecoder);
        return new WeightSummary
        {
            Kind = most switch { LinearKind.RowWise8 or LinearKind.Blocks8 => "int8", LinearKind.Blocks4 => "int4", _ => type.ToString().ToLowerInvariant() },
            Bits = kinds.Contains(LinearKind.RowWise8) ? RowWise8.Bits : kinds.Contains(LinearKind.Blocks8) ? 8 : 0,
            RowWise8 = kinds[LinearKind.RowWise8].Count() + kinds[LinearKind.Blocks8].Count(),
            Blocks4 = kinds[LinearKind.Blocks4].Count(),
            Plain = kinds[LinearKind.Plain].Count(),
            Sensitive = _sensitive.Count,
            Bytes = _bytes.Values.Sum(),
            Reason = plan.Reason,
        };
    }

    public static TensorElementType ElementType(ComputeType type) => type switch
    {
        ComputeType.Float32 => TensorElementType.Float,
        ComputeType.Float16 => TensorElementType.Float16,
        ComputeType.BFloat16 => TensorElementType.BFloat16,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    public static int ElementSize(ComputeType type) => type == ComputeType.Float32 ? 4 : 2;

    public void Dispose()
    {
        foreach (var value in _values)
        {
            value.Dispose();
        }

        foreach (var buffer in _made.Values.Where(v => v.IsValueCreated))
        {
            buffer.Value.Dispose();
        }

        foreach (var codes in _codes.Values)
        {
            codes.Dispose();
        }

        foreach (var blocks in _blocks.Values.Where(v => v.IsValueCreated))
        {
            blocks.Value.Dispose();
        }

        foreach (var packed in _packed)
        {
            packed.Dispose();
        }

        foreach (var weights in _onDevice.Values)
        {
            weights.Value.Dispose();
        }
    }

    private static TensorElementType Element(WeightPart part, ComputeType type) => part switch
    {
        WeightPart.Int8Values => TensorElementType.Int8,
        WeightPart.UInt8Values or WeightPart.Blocks4Values or WeightPart.Blocks4ZeroPoints or WeightPart.Blocks8Values => TensorElementType.UInt8,
        WeightPart.Int8Scales => TensorElementType.Float,
        WeightPart.InputOrder => TensorElementType.Int64,
        _ => ElementType(type),
    };

    private static int Size(TensorElementType element) => element switch
    {
        TensorElementType.Float => 4,
        TensorElementType.Float16 or TensorElementType.BFloat16 => 2,
        TensorElementType.Int64 => 8,
        _ => 1,
    };

    private OrtValue OnDevice(DeviceId device, WeightBinding binding, string key, TensorElementType element, string part, Func<(nint Pointer, IDisposable? Owner)> source)
    {
        long[] shape = [.. binding.Shape];
        var bytes = shape.Aggregate(1L, (a, b) => a * b) * Size(element);
        _bytes[$"{key} {device}"] = bytes;
        return _onDevice.GetOrAdd(device, d => new Lazy<DeviceWeights>(() => new DeviceWeights(d))).Value.Get(key, element, shape, bytes, $"weights of {part}", source);
    }

    /// <summary>A weight in the system's memory for as long as it takes to copy it.</summary>
    private (nint Pointer, IDisposable? Owner) Source(WeightBinding binding, ComputeType type, TensorEntry? stored)
    {
        if (stored is null)
        {
            var made = Make(binding, type, packed: null);
            return (made.Pointer, made);
        }

        MemoryPages.WillReadInOrder(_store.Pointer(stored), stored.ByteLength);
        return (_store.Pointer(stored), new Reading(this, stored));
    }

    private LinearFormat FormatOf(string name) => _formats.GetOrAdd(name, _ => new Lazy<LinearFormat>(() => Choose(name))).Value;

    /// <summary>By shape alone; the codes are made when they are asked for, so that no more than a matrix of them lies in the system's memory on its way to a GPU.</summary>
    private LinearFormat FormatOnDevice(string name, ComputeType scaleType) => _formats.GetOrAdd(name, _ => new Lazy<LinearFormat>(() =>
    {
        var matrix = checkpoint.Linear(name);
        var place = _decoder.Contains(name) ? LinearPlace.Layer : name == checkpoint.Decoder.Head ? LinearPlace.Head : LinearPlace.Tower;
        var format = DeviceFormats.Of(plan.Kind, place, matrix.Outputs, matrix.Inputs, StoredLinear.Of(matrix));
        if (format.Kind != LinearKind.Plain)
        {
            _blocks[name] = new Lazy<BlockCodes>(() => BlocksOf(matrix, format, scaleType));
        }

        return format;
    })).Value;

    private static BlockCodes BlocksOf(LinearMatrix matrix, LinearFormat format, ComputeType scaleType)
    {
        var blocks = (matrix, format.Kind) switch
        {
            (Int4Matrix groups, LinearKind.Blocks4) => BlockCodes.Of(groups, format.BlockSize),
            (Int8Matrix rows, LinearKind.Blocks8) => BlockCodes.Of(rows, format.BlockSize),
            (_, LinearKind.Blocks4) => BlockCodes.Round(matrix, format.BlockSize),
            _ => BlockCodes.Round8(matrix, format.BlockSize, scaleType),
        };
        if (!double.IsFinite(blocks.Error))
        {
            blocks.Dispose();
            throw new EngineSettingsException($"{matrix.Name} holds values that are not numbers, which no scale can stand for: load it with Engine:Weights=float32");
        }

        return blocks;
    }

    private LinearFormat Choose(string name)
    {
        var matrix = checkpoint.Linear(name);
        if (plan.UsesStored && matrix is Int8Matrix stored)
        {
            var unsigned = !RowWise8.ProcessorTakes8Bits;
            _codes[name] = LinearCodes.Of(stored, unsigned);
            Made(matrix.Tensors);
            return new LinearFormat(LinearKind.RowWise8) { Unsigned = unsigned };
        }

        if (plan.UsesStored && matrix is Int4Matrix { BlockSize: { } block } groups)
        {
            _blocks[name] = new Lazy<BlockCodes>(() => BlockCodes.Of(groups, block));
            return new LinearFormat(LinearKind.Blocks4) { BlockSize = block, Reordered = groups.Order is not null };
        }

        if (_border.Contains(name) || !plan.RoundsMatrix(matrix))
        {
            return LinearFormat.Plain;
        }

        if (plan.RoundsTo4Bits && _decoder.Contains(name) && BlockWise4.BlockSize(matrix.Inputs) is { } size)
        {
            var blocks = BlockCodes.Round(matrix, size);
            if (blocks.Error <= WeightPlan.LargestErrorOf4Bits)
            {
                _blocks[name] = new Lazy<BlockCodes>(blocks);
                Made(matrix.Tensors);
                return new LinearFormat(LinearKind.Blocks4) { BlockSize = size };
            }

            _sensitive[name] = true;
            blocks.Dispose();
        }

        var format = new LinearFormat(LinearKind.RowWise8);
        var codes = LinearCodes.Round(matrix, RowWise8.LargestCode);
        if (codes.Error > WeightPlan.LargestError)
        {
            _sensitive[name] = true;
            codes.Dispose();
            return LinearFormat.Plain;
        }

        _codes[name] = codes;
        Made(matrix.Tensors);
        return format;
    }

    /// <summary>The tensor, where its bytes in the file are those that the graph wants.</summary>
    private TensorEntry? StoredAsUsed(WeightBinding binding, ComputeType type)
    {
        if (binding.Part != WeightPart.Tensor || checkpoint.Quantized.ContainsKey(binding.Name) || !_store.TryGet(binding.Name, out var entry))
        {
            return null;
        }

        ComputeType? stored = entry.DataType switch
        {
            TensorDataType.Float32 => ComputeType.Float32,
            TensorDataType.Float16 => ComputeType.Float16,
            TensorDataType.BFloat16 => ComputeType.BFloat16,
            _ => null,
        };
        return stored == type && plan.Emulates is null ? entry : null;
    }

    private NativeBuffer Make(WeightBinding binding, ComputeType type, PackedWeights? packed)
    {
        switch (binding.Part)
        {
            case WeightPart.Tensor when checkpoint.Quantized.TryGetValue(binding.Name, out var matrix):
                return Widen(matrix, type);
            case WeightPart.Tensor:
            case WeightPart.Joined:
                return Convert(binding, type);
            case WeightPart.BlockScales when type != ComputeType.Float32:
                using (var wide = Blocks(binding, packed))
                {
                    return Narrow(wide, type);
                }

            case WeightPart.Blocks4Values:
            case WeightPart.BlockScales:
            case WeightPart.Blocks4ZeroPoints:
            case WeightPart.Blocks8Values:
                return Blocks(binding, packed);
            case WeightPart.InputOrder:
                return BlockCodes.Order((Int4Matrix)checkpoint.Linear(binding.Tensors[0]));
            case WeightPart.Int8Values:
            case WeightPart.UInt8Values:
                return Columns(binding, packed);
            case WeightPart.Int8Scales:
                var scales = new NativeBuffer(binding.Shape[0] * sizeof(float));
                var at = 0;
                foreach (var part in binding.Tensors.Select(t => _codes[t].Scales))
                {
                    var count = (int)(part.ByteLength / sizeof(float));
                    part.Span<float>(0, count).CopyTo(scales.Span<float>(at * sizeof(float), count));
                    at += count;
                }

                return scales;
            default:
                throw new InvalidOperationException($"{binding.Part} of {binding.Name} is not known");
        }
    }

    /// <summary>Codes of layers with the same input, side by side: [in, out].</summary>
    private NativeBuffer Columns(WeightBinding binding, PackedWeights? packed)
    {
        var buffer = _codes[binding.Tensors[0]].Columns;
        if (binding.Tensors.Count > 1)
        {
            long outputs = binding.Shape[1], first = 0;
            buffer = NativeBuffer.OnLargePages(binding.Shape[0] * outputs);
            foreach (var codes in binding.Tensors.Select(t => _codes[t]))
            {
                codes.CopyTo(buffer, outputs, first);
                first += codes.Rows;
                codes.Columns.Discard();
            }
        }

        if (packed is not null && PackingProbe.Packs(_formats[binding.Tensors[0]].Value, binding.Part))
        {
            packed.Add(buffer);
        }

        return buffer;
    }

    private static NativeBuffer Narrow(NativeBuffer wide, ComputeType type)
    {
        var count = wide.ByteLength / sizeof(float);
        var narrow = new NativeBuffer(count * sizeof(ushort));
        for (long at = 0; at < count; at += ChunkElements)
        {
            var some = (int)Math.Min(ChunkElements, count - at);
            HalfPrecision.Narrow(wide.Span<float>(at * sizeof(float), some), narrow.Span<ushort>(at * sizeof(ushort), some), type);
        }

        return narrow;
    }

    /// <summary>A part of the blocks of layers with the same input, behind each other.</summary>
    private NativeBuffer Blocks(WeightBinding binding, PackedWeights? packed)
    {
        NativeBuffer[] parts = [.. binding.Tensors.Select(t => _blocks[t].Value.Part(binding.Part))];
        var buffer = parts[0];
        if (parts.Length > 1)
        {
            buffer = new NativeBuffer(parts.Sum(p => p.ByteLength));
            long at = 0;
            foreach (var part in parts)
            {
                part.CopyTo(buffer, at);
                at += part.ByteLength;
                part.Discard();
            }
        }

        Made([.. binding.Tensors.SelectMany(t => checkpoint.Linear(t).Tensors)]);
        if (packed is not null && PackingProbe.Packs(_formats[binding.Tensors[0]].Value, binding.Part))
        {
            packed.Add(buffer);
        }

        return buffer;
    }

    private NativeBuffer Convert(WeightBinding binding, ComputeType type)
    {
        var size = ElementSize(type);
        var entries = binding.Tensors.Select(t => _store[t]).ToList();
        var buffer = new NativeBuffer(entries.Sum(e => e.ElementCount) * size);
        long offset = 0;
        foreach (var entry in entries)
        {
            var begin = offset;
            Parallel.For(0L, (entry.ElementCount + ChunkElements - 1) / ChunkElements, chunk =>
            {
                var first = chunk * ChunkElements;
                var count = (int)Math.Min(ChunkElements, entry.ElementCount - first);
                if (type == ComputeType.Float32)
                {
                    var exact = buffer.Span<float>((begin + first) * size, count);
                    _store.ReadFloat32(entry, first, exact);
                    Emulate(exact);
                }
                else
                {
                    var values = ArrayPool<float>.Shared.Rent(count);
                    _store.ReadFloat32(entry, first, values.AsSpan(0, count));
                    HalfPrecision.Narrow(values.AsSpan(0, count), buffer.Span<ushort>((begin + first) * size, count), type);
                    ArrayPool<float>.Shared.Return(values);
                }
            });
            offset += entry.ElementCount;
        }

        Made(entries);
        return buffer;
    }

    private void Emulate(Span<float> weights)
    {
        if (plan.Emulates is { } type)
        {
            HalfPrecision.Round(weights, type);
        }
    }

    /// <summary>A quantised matrix in the compute type.</summary>
    private NativeBuffer Widen(LinearMatrix matrix, ComputeType type)
    {
        var inputs = checked((int)matrix.Inputs);
        var size = ElementSize(type);
        var buffer = new NativeBuffer(matrix.Outputs * inputs * size);
        Parallel.For(0L, (matrix.Outputs + RowsAtOnce - 1) / RowsAtOnce, block =>
        {
            var first = block * RowsAtOnce;
            var count = (int)Math.Min(RowsAtOnce, matrix.Outputs - first) * inputs;
            if (type == ComputeType.Float32)
            {
                var exact = buffer.Span<float>(first * inputs * size, count);
                matrix.ReadRows(first, exact);
                Emulate(exact);
                return;
            }

            var values = ArrayPool<float>.Shared.Rent(count);
            matrix.ReadRows(first, values.AsSpan(0, count));
            HalfPrecision.Narrow(values.AsSpan(0, count), buffer.Span<ushort>(first * inputs * size, count), type);
            ArrayPool<float>.Shared.Return(values);
        });
        Made(matrix.Tensors);
        return buffer;
    }

    /// <summary>What was read of the file has become a weight: its pages are not needed any more.</summary>
    private void Made(IReadOnlyList<TensorEntry> entries)
    {
        DiscardPages(entries);
        Seen(entries);
    }

    private void Seen(IReadOnlyList<TensorEntry> entries)
    {
        foreach (var entry in entries)
        {
            if (_seen.TryAdd(entry.Name, true))
            {
                Interlocked.Add(ref _seenBytes, entry.ByteLength);
            }
        }

        Advanced?.Invoke();
    }

    private void DiscardPages(IEnumerable<TensorEntry> entries)
    {
        foreach (var entry in entries)
        {
            MemoryPages.Discard(_store.Pointer(entry), entry.ByteLength);
        }
    }

    /// <summary>Gives back a tensor's pages when it was copied.</summary>
    private sealed class Reading(WeightProvider provider, TensorEntry entry) : IDisposable
    {
        public void Dispose() => provider.Made([entry]);
    }
}
